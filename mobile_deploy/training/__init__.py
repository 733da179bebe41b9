"""Training: fine-tuning, distillation, quantization-aware training, recovery, pruning and clustering, in tf_keras."""
