"""An entry of the registry writes its figure in the figure's own digits."""

from l2sae.measures.registry import entry


def test_texts_have_the_figures_own_digits_and_no_negative_zero() -> None:
    assert entry("reconstruction.psnr").text(24.996) == "25.00"
    assert entry("locality.outside_share").text(0.004) == "0.400"
    assert entry("structure.miou_drop").text(-1e-9) == "0.0000"
    assert entry("reconstruction.psnr").text(None) == "–"
    assert entry("reconstruction.psnr").heading == "PSNR (dB) ↑"
