import pytest
from transformers import CLIPImageProcessor, SiglipImageProcessor

from reward_training.towers.transformers_folder import preprocessing_of

BOX = {"height": 16, "width": 16}


@pytest.mark.parametrize(
    ("processor", "mode"),
    [
        (CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=BOX), "shortest"),
        (SiglipImageProcessor(size=BOX), "squash"),
    ],
)
def test_a_processor_says_whether_images_keep_their_shape(processor, mode):
    read = preprocessing_of(processor)
    assert (read.size, read.resize_mode) == ((16, 16), mode)
