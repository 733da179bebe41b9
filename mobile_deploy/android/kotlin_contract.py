"""Writes a bundle's contract as Kotlin: typed constants that need no JSON at run time."""

from __future__ import annotations

from collections.abc import Iterator

from mobile_deploy.android.core_sources import PACKAGE as CORE
from mobile_deploy.android.kotlin_names import double_literal, float_literal, object_name, text_literal
from mobile_deploy.bundle import LABELS_NAME, Bundle
from mobile_deploy.contract import Fit, InputContract, OutputContract, Quantization

_ANDROID = ("android.content.res.AssetManager", "android.graphics.Bitmap")
_CORE = (
    *("Fit", "InputContract", "ModelContract", "OutputContract", "OutputMeaning", "PixelSource", "Quantization"),
    *("TensorType", "parseLabels"),
)
_JAVA = ("java.io.FileInputStream", "java.nio.MappedByteBuffer", "java.nio.channels.FileChannel")
_CALL_CORE = ("Guess", "InputEncoder", "OutputDecoder", "PictureFitter", "Turn")


def kotlin_contract(bundle: Bundle, *, package: str) -> str:
    """Writes the source of an object that says how to feed a bundle's .tflite and how to read it.

    Args:
        bundle: The bundle; its files lie in the assets under models/<name>/.
        package: Kotlin package of the object.
    """
    return "\n".join(_lines(bundle, package))


def _lines(bundle: Bundle, package: str) -> Iterator[str]:
    contract, folder = bundle.contract, f"models/{bundle.name}"
    yield "// Written by `mobile-deploy app add`, which replaces it when the bundle is added again."
    yield f"package {package}\n"
    yield from (f"import {name}" for name in (*_ANDROID, *(f"{CORE}.{name}" for name in _CORE), *_JAVA))
    yield "\n/** A model of the app: how it is fed, and how it is read. */"
    yield f"object {object_name(bundle.name)} {{"
    yield "    /** Name of the bundle. */"
    yield f"    const val NAME = {text_literal(bundle.name)}\n"
    yield "    /** Path of the .tflite in the assets, where it must lie uncompressed. */"
    yield f"    const val MODEL_ASSET = {text_literal(f'{folder}/{bundle.tflite.name}')}\n"
    yield "    /** Path of the class names in the assets, one a line. */"
    yield f"    const val LABELS_ASSET = {text_literal(f'{folder}/{LABELS_NAME}')}\n"
    yield "    /** Hash of the .tflite. */"
    yield f"    const val SHA256 = {text_literal(bundle.sha256)}\n"
    yield "    /** What goes in. */"
    yield f"    val input = {_input(contract.input)}\n"
    yield "    /** What comes out. */"
    yield f"    val output = {_output(contract.output)}\n"
    yield "    /** Reads the class names and gives the whole contract; not on the main thread. */"
    yield "    fun contract(assets: AssetManager): ModelContract = ModelContract("
    yield "        input = input,"
    yield "        output = output,"
    yield "        labels = assets.open(LABELS_ASSET).use { parseLabels(it.readBytes(), NAME) },"
    yield f"        backgroundClass = {str(contract.background_class).lower()},"
    yield f"        minimumRuntime = {text_literal(contract.minimum_runtime)},"
    yield "    )\n"
    yield _FUNCTIONS
    yield "}\n"


_FUNCTIONS = """\
    /** Maps the .tflite into memory, where the runtime reads it in place. */
    fun map(assets: AssetManager): MappedByteBuffer = assets.openFd(MODEL_ASSET).use { file ->
        FileInputStream(file.fileDescriptor).channel
            .map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
    }

    /** The pixels of a [bitmap] that is no hardware bitmap. */
    fun pixels(bitmap: Bitmap): PixelSource = object : PixelSource {
        override val width: Int get() = bitmap.width
        override val height: Int get() = bitmap.height

        override fun readRow(y: Int, left: Int, pixels: IntArray) {
            bitmap.getPixels(pixels, 0, pixels.size, left, y, pixels.size, 1)
        }
    }"""


def _input(contract: InputContract) -> str:
    return _call(
        "InputContract",
        side=str(contract.side),
        type=f"TensorType.{contract.dtype.upper()}",
        low=double_literal(contract.low),
        high=double_literal(contract.high),
        fit=_fit(contract.fit),
        quantization=_quantization(contract.quantization),
    )


def _output(contract: OutputContract) -> str:
    return _call(
        "OutputContract",
        type=f"TensorType.{contract.dtype.upper()}",
        meaning=f"OutputMeaning.{contract.meaning.upper()}",
        size=str(contract.size),
        quantization=_quantization(contract.quantization),
    )


def _fit(fit: Fit) -> str:
    match fit.kind:
        case "stretch":
            return "Fit.Stretch"
        case "letterbox":
            return "Fit.Letterbox"
        case "center-crop":
            return f"Fit.CenterCrop({double_literal(fit.fraction)})"


def _quantization(value: Quantization | None) -> str:
    if value is None:
        return "null"
    return f"Quantization(scale = {float_literal(value.scale)}, zeroPoint = {value.zero_point})"


def _call(name: str, **arguments: str) -> str:
    lines = (f"        {key} = {value},\n" for key, value in arguments.items())
    return f"{name}(\n{''.join(lines)}    )"


def call_imports(bundle: Bundle, *, package: str) -> tuple[str, ...]:
    """Gives the imports that the lines of `kotlin_call` need."""
    unused = {"Guess"} if bundle.contract.output.meaning == "embedding" else set()
    core = (f"{CORE}.{name}" for name in _CALL_CORE if name not in unused)
    return (f"{package}.{object_name(bundle.name)}", *core, "java.nio.ByteBuffer", "java.nio.ByteOrder", _INTERPRETER)


_INTERPRETER = "org.tensorflow.lite.Interpreter"


def kotlin_call(bundle: Bundle) -> tuple[str, ...]:
    """Gives ten lines that say what is in `bitmap`; `assets` is the app's AssetManager."""
    name = object_name(bundle.name)
    answer = "val guesses: List<Guess> = decoder.top(decoder.scores(output), 5)"
    if bundle.contract.output.meaning == "embedding":
        answer = "val embedding: FloatArray = decoder.scores(output)"
    return (
        f"val contract = {name}.contract(assets)",
        f"val interpreter = Interpreter({name}.map(assets))",
        "val fitter = PictureFitter(contract.input.side, contract.input.fit)",
        "val encoder = InputEncoder(contract.input)",
        "val decoder = OutputDecoder(contract)",
        "val input = ByteBuffer.allocateDirect(encoder.sizeBytes).order(ByteOrder.nativeOrder())",
        "val output = ByteBuffer.allocateDirect(decoder.sizeBytes).order(ByteOrder.nativeOrder())",
        f"encoder.encode(fitter.toSquare({name}.pixels(bitmap), Turn.UPRIGHT), input)",
        "interpreter.run(input, output.duplicate())",
        answer,
    )
