from __future__ import annotations

import pytest

from mobile_deploy.evaluation.layer_names import readable_names


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # What Keras 3 and our own writer give.
        (
            ("net_1/Conv1_relu6_1/Relu6", "net_1/block_1_project_BN_1/batchnorm/add_1", "net_1/add_1/Add", "output"),
            ("Conv1", "block_1_project", "add", "output"),
        ),
        # What TFLiteConverter gives, with all that was fused.
        (
            ("net/Conv1_relu/Relu6;net/bn_Conv1/Fused;net/Conv1/Conv2D", "net/block_1/depthwise;net/x", "net/add/add"),
            ("Conv1", "block_1", "add"),
        ),
        # TF-Slim: a block's name alone does not tell its layers apart.
        (
            ("Net/conv_1/expand/Relu6", "Net/conv_1/project/Identity", "Net/conv_2/expand/Relu6", "Net/Logits/Relu"),
            ("conv_1/expand", "conv_1/project", "conv_2", "Logits"),
        ),
        # A MobileNet inside another model.
        (
            ("model/net/conv_a/Relu", "model/net/conv_b/Relu", "model/net/conv_c/Relu", "model/dense/Softmax"),
            ("conv_a", "conv_b", "conv_c", "dense"),
        ),
        # A name that is whole only with its end.
        (("conv_bn", "conv_relu", "pool_relu"), ("conv_bn", "conv_relu", "pool")),
        (("conv_relu", "conv"), ("conv_relu", "conv")),
        (("same", "same#2", "same", ""), ("same", "same#2", "same#3", "")),
        (("\x1b[31mred", "a\nb"), ("?[31mred", "a?b")),
        ((), ()),
    ],
)
def test_names_are_cut_to_what_tells_layers_apart(given, expected):
    assert readable_names(given) == expected
    assert len(set(readable_names(given))) == len(given)


def test_the_number_of_a_call_stays_where_not_all_have_one():
    assert readable_names(("net/conv_1/Relu", "net/conv_2/Relu", "net/add/Add")) == ("conv_1", "conv_2", "add")
