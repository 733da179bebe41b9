"""Flags of the two benchmark_model programs and what they print for --help.

Source: LiteRT v2.2.0, tflite/tools/benchmark/benchmark_tflite_model.cc, tflite/tools/benchmark/README.md and
litert/tools/benchmark_litert_model.cc.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: name, default, type and meaning, as --help lists them."""

    name: str
    default: str
    kind: str
    text: str


_BASE = (
    Flag("num_runs", "50", "int32", "expected number of runs, see also min_secs, max_secs"),
    Flag("min_secs", "1", "float", "minimum number of seconds to rerun for"),
    Flag("max_secs", "150", "float", "maximum number of seconds to rerun for"),
    Flag("run_delay", "-1", "float", "delay between runs in seconds"),
    Flag("run_frequency", "-1", "float", "runs per second, if the delay between runs allows it"),
    Flag("num_threads", "-1", "int32", "number of threads used for inference on CPU"),
    Flag("use_caching", "false", "bool", "enable caching of prepacked weights matrices in matrix multiplication"),
    Flag("benchmark_name", "", "string", "benchmark name"),
    Flag("output_prefix", "", "string", "benchmark output prefix"),
    Flag("warmup_runs", "1", "int32", "minimum number of runs performed on initialization"),
    Flag("warmup_min_secs", "0.5", "float", "minimum number of seconds to rerun for on initialization"),
    Flag("verbose", "false", "bool", "whether to log parameters whose values are not set"),
    Flag("dry_run", "false", "bool", "whether to run the tool just with simply loading the model"),
    Flag("report_peak_memory_footprint", "false", "bool", "report the peak memory footprint by periodic checks"),
    Flag("memory_footprint_check_interval_ms", "50", "int32", "interval in ms between two such checks"),
    Flag("graph", "", "string", "graph file name or fd:N:offset:length"),
    Flag("signature_to_run_for", "", "string", "name of the signature to run"),
    Flag("result_file_path", "", "string", "file that gets the result as a serialized BenchmarkResult"),
    Flag("help", "false", "bool", "print out all supported flags if true"),
)

_INTERPRETER = (
    Flag("list_signatures", "false", "bool", "list the signatures of the model"),
    Flag("input_layer", "", "string", "input layer names"),
    Flag("input_layer_shape", "", "string", "input layer shape"),
    Flag("input_layer_value_range", "", "string", "integral ranges of input values"),
    Flag("input_layer_value_files", "", "string", "files that hold input values"),
    Flag("allow_fp16", "false", "bool", "allow fp16"),
    Flag("require_full_delegation", "false", "bool", "require the delegate to run the entire graph"),
    Flag("enable_op_profiling", "false", "bool", "enable op profiling"),
    Flag("op_profiling_output_mode", "stdout", "string", "stdout, csv or proto"),
    Flag("op_profiling_output_file", "", "string", "output file of the profile"),
    Flag("max_profiling_buffer_entries", "1024", "int32", "max profiling buffer entries"),
    Flag("profiling_output_csv_file", "", "string", "deprecated: file path of the profile as CSV"),
    Flag("print_preinvoke_state", "false", "bool", "print out the interpreter internals just before Invoke"),
    Flag("print_postinvoke_state", "false", "bool", "print out the interpreter internals just before benchmarking"),
    Flag("output_filepath", "", "string", "file path to export outputs layer to"),
    Flag("output_proto_filepath", "", "string", "file path to export outputs layer as tf example to"),
    Flag("use_xnnpack", "false", "bool", "explicitly apply the XNNPACK delegate"),
    Flag("xnnpack_force_fp16", "false", "bool", "enforce float16 inference"),
    Flag("xnnpack_weight_cache_file_path", "", "string", "path to the XNNPACK weight cache"),
    Flag("use_gpu", "false", "bool", "use gpu"),
    Flag("gpu_precision_loss_allowed", "true", "bool", "allow to process computation in lower precision than FP32"),
    Flag("gpu_backend", "", "string", "force the GPU delegate to use a particular backend: cl or gl"),
    Flag("gpu_inference_for_sustained_speed", "false", "bool", "whether to prefer maximizing the throughput"),
    Flag("use_nnapi", "false", "bool", "use nnapi delegate api"),
    Flag("nnapi_accelerator_name", "", "string", "the name of the nnapi accelerator to use"),
    Flag("max_delegated_partitions", "0", "int32", "max number of partitions to be delegated"),
    Flag("external_delegate_path", "", "string", "the library path for the underlying external"),
    Flag("external_delegate_options", "", "string", "a list of options to be passed to the external delegate"),
)

_COMPILED_MODEL = (
    Flag("use_cpu", "true", "bool", "use CPU"),
    Flag("use_gpu", "false", "bool", "use GPU"),
    Flag("use_npu", "false", "bool", "use NPU"),
    Flag("gpu_backend", "", "string", "GPU backend: opengl or webgpu"),
    Flag("gpu-precision", "auto", "string", "auto, fp16 or fp32"),
    Flag("require_full_delegation", "false", "bool", "whether to require full delegation"),
    Flag("use_profiler", "false", "bool", "use profiler"),
    Flag("enable_perfetto", "false", "bool", "enable perfetto tracing"),
    Flag("dispatch_library_path", "", "string", "path to the dispatch library"),
    Flag("compiler_plugin_library_path", "", "string", "path to the compiler plugin library"),
    Flag("compiler_cache_path", "", "string", "path to the compiler cache"),
    Flag("gpu_serialization_dir", "", "string", "folder for serialized GPU programs"),
    Flag("xnnpack_weight_cache_file_path", "", "string", "path to the XNNPACK weight cache"),
    Flag("model_runtime_info_output_file", "", "string", "file that gets the runtime info of the model"),
)

FLAGS: Mapping[str, tuple[Flag, ...]] = {
    "interpreter": _BASE + _INTERPRETER,
    "compiled-model": _BASE + _COMPILED_MODEL,
}
"""Flags by grammar."""


def help_text(grammar: str, *, without: Iterable[str] = ()) -> str:
    """Gives what --help prints; `without` names flags that an older tool lacks."""
    left_out = frozenset(without)
    lines = (
        f"\t--{flag.name}={flag.default}\t{flag.kind}\toptional\t{flag.text}\n"
        for flag in FLAGS[grammar]
        if flag.name not in left_out
    )
    return "usage: ./benchmark_model <flags>\nFlags:\n" + "".join(lines)
