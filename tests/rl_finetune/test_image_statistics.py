"""Signs of over-optimisation."""

import colorsys

import torch

from rl_finetune.image_statistics import edge_density, saturation


def test_saturation_is_hsvs():
    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    images[0, :, 0, 0] = 0.0
    for image, found in zip(images, saturation(images), strict=True):
        pixels = image.flatten(1).T.tolist()
        hsv = torch.tensor([colorsys.rgb_to_hsv(*pixel)[1] for pixel in pixels])
        torch.testing.assert_close(found, hsv.mean())


def test_grey_has_no_saturation_and_pure_colour_all_of_it():
    grey, red = torch.full((3, 4, 4), 0.5), torch.zeros(3, 4, 4)
    red[0] = 0.7
    assert saturation(torch.stack([grey, red])).tolist() == [0.0, 1.0]


def test_edges_are_where_brightness_jumps_and_not_where_it_slides():
    step = torch.zeros(3, 8, 8)
    step[:, :, 4:] = 1.0
    slope = torch.linspace(0, 0.5, 8).expand(3, 8, 8)
    density = edge_density(torch.stack([step, slope, step.mT]))
    assert density.tolist() == [0.25, 0.0, 0.25]
