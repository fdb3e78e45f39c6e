import numpy as np

from robopref.rewards.radial import RadialFeatures


def test_products_of_features_are_the_kernel_at_the_anchors():
    anchors = np.random.default_rng(0).normal(size=(6, 3))
    features = RadialFeatures(anchors, 1.5)(anchors)
    square = ((anchors[:, None] - anchors) ** 2).sum(-1)
    np.testing.assert_allclose(features @ features.T, np.exp(-square / (2 * 1.5**2)), atol=1e-4)


def test_far_from_the_anchors_nothing_is_known():
    features = RadialFeatures(np.zeros((1, 2)), 1.0)
    np.testing.assert_allclose(features(np.array([[[0.0, 0.0], [9.0, 0.0]]]))[0, :, 0], [1, 0], atol=1e-5)
