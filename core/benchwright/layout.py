"""Where everything of a campaign lies: plain paths below `build/<campaign>/`."""

from __future__ import annotations

from typing import NamedTuple

BUILD = "build"

CAMPAIGN_FILE = "benchwright.yaml"
"""The campaign that is used when none is named."""


SHARED = "shared"
"""The folder of a group's products; no campaign of a group is called so."""


class Layout(NamedTuple):
    """The folders of one campaign, relative to the folder that the build runs in.

    root: where its products lie, `build/<campaign>`; own: where its runs lie and what is made of
    them, the same folder but for the campaigns of a group. Those are named `<group>/<name>`: each
    has `build/<group>/<name>` for itself, and their products are in `build/<group>/shared`.
    Downloads are shared by all campaigns of a checkout.
    """

    root: str
    own: str

    @classmethod
    def of(cls, campaign: str) -> Layout:
        """The layout of a campaign by name."""
        own = f"{BUILD}/{campaign}"
        group, inside, _ = campaign.partition("/")
        return cls(f"{BUILD}/{group}/{SHARED}" if inside else own, own)

    @property
    def downloads(self) -> str:
        """Fetched files, as they came."""
        return f"{BUILD}/downloads"

    @property
    def loadgen(self) -> str:
        """The loadgen that runs use."""
        return f"{self.root}/loadgen"

    @property
    def system(self) -> str:
        """What the probes saw."""
        return f"{self.root}/system"

    @property
    def submission(self) -> str:
        """The submission tree: its root, which holds the division folders and nothing of ours."""
        return f"{self.own}/submission"

    @property
    def submission_artifact(self) -> str:
        """Manifest and recipe of the submission tree."""
        return f"{self.own}/manifests/submission"

    @property
    def package(self) -> str:
        """The submission tree as one file."""
        return f"{self.own}/submission.tar.gz"

    @property
    def package_artifact(self) -> str:
        """Manifest and recipe of the packed tree."""
        return f"{self.own}/manifests/package"

    @property
    def check(self) -> str:
        """The findings of the submission check."""
        return f"{self.own}/check"

    @property
    def report_artifact(self) -> str:
        """Manifest and recipe of the report page."""
        return f"{self.own}/manifests/report"

    @property
    def report(self) -> str:
        """The report page, the one file that people open."""
        return f"{self.own}/report.html"

    @property
    def runs(self) -> str:
        """The measured runs."""
        return f"{self.own}/runs"

    def dataset(self, name: str) -> str:
        """A data set in its official form; name is `<family>-<preset>`."""
        return f"{self.root}/datasets/{name}/raw"

    def samples(self, name: str) -> str:
        """A preprocessed data set; name is `<family>-<preset>`."""
        return f"{self.root}/datasets/{name}/preprocessed"

    def model(self, name: str) -> str:
        """A model; name is `<family>-<preset>`."""
        return f"{self.root}/models/{name}"

    def quantized(self, subject: str) -> str:
        """A quantised model; subject is `<benchmark>-<preset>/<backend>+<precision>`."""
        return f"{self.root}/quantized/{subject}"

    def engine(self, subject: str) -> str:
        """An engine; subject is `<benchmark>-<preset>/<backend>[+precision]`."""
        return f"{self.root}/engines/{subject}"

    def run(self, subject: str, mode: str, test: str | None = None) -> str:
        """A run; subject is `<benchmark>-<preset>/<backend>/<Scenario>`, test a compliance one."""
        return f"{self.runs}/{subject}/{mode}" + (f"/{test}" if test else "")

    def log(self, task: str) -> str:
        """The log of a task's last execution."""
        return f"{self.own}/logs/{task.replace(':', '/')}.log"
