"""Every plugin of this package passes Benchwright's examinations."""

from benchwright.testing import (
    BackendExamination,
    BenchmarkExamination,
    FormatterExamination,
    FusedProgramExamination,
    PowerMeterExamination,
    ProbeExamination,
    QuantizerExamination,
)


class TestBackend(BackendExamination):
    info = "acme"
    variants = ({"streams": 3}, {"fold": False})


class TestQuantizer(QuantizerExamination):
    info = "acme-int8"


class TestProbe(ProbeExamination):
    info = "acme"


class TestFormatter(FormatterExamination):
    info = "acme-sheet"


class TestWaves(BenchmarkExamination):
    info = "waves"


class TestFusedWaves(FusedProgramExamination):
    info = ("waves", "acme")


class TestPowerMeter(PowerMeterExamination):
    info = "acme"
