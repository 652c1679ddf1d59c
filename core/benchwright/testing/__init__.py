"""For the tests of plugins: fixtures in which the real command line runs, a backend with a
settable latency, and an examination for each kind of plugin.

In a package's `conftest.py`:

    pytest_plugins = ["benchwright.testing"]

brings the fixtures `benchwright_project`, `benchwright_campaign` and `fake_backend`. It is not
loaded by itself in environments that have Benchwright: other people's tests should not pay for
it. In a test module:

    from benchwright.testing import BackendExamination

    class TestAcme(BackendExamination):
        info = "acme"

pytest is imported only here. docs/vendor.md says more.
"""

from __future__ import annotations

from benchwright.testing.backend import BackendExamination as BackendExamination
from benchwright.testing.benchmark import BenchmarkExamination as BenchmarkExamination
from benchwright.testing.exercises import Exercise as Exercise
from benchwright.testing.fake import FAKE as FAKE
from benchwright.testing.fake import FakeBackend as FakeBackend
from benchwright.testing.fixtures import benchwright_campaign as benchwright_campaign
from benchwright.testing.fixtures import benchwright_project as benchwright_project
from benchwright.testing.fixtures import fake_backend as fake_backend
from benchwright.testing.formatter import FormatterExamination as FormatterExamination
from benchwright.testing.power import PowerMeterExamination as PowerMeterExamination
from benchwright.testing.probe import ProbeExamination as ProbeExamination
from benchwright.testing.program import FusedProgramExamination as FusedProgramExamination
from benchwright.testing.project import CampaignOutcome as CampaignOutcome
from benchwright.testing.project import Outcome as Outcome
from benchwright.testing.project import Project as Project
from benchwright.testing.project import RunOutcome as RunOutcome
from benchwright.testing.quantizer import QuantizerExamination as QuantizerExamination
