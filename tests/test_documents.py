"""What README and docs state: commands that the command line takes, keys that exist, files that
are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from benchwright import yamlfile
from benchwright.campaign import parse_campaign
from benchwright.campaign_schema import (
    BenchmarkSchema,
    CampaignSchema,
    LoadgenSchema,
    PinsSchema,
)
from benchwright.cli import plugins
from benchwright.cli.init import TEMPLATE
from benchwright.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`)(benchwright [a-z][^`\n]*)", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        found += [(document.name, match.strip()) for match in COMMAND.findall(text)]
    return found


@pytest.mark.parametrize(("document", "command"), commands())
def test_every_stated_command_is_understood(document: str, command: str) -> None:
    words = shlex.split(command.partition(" > ")[0], comments=True)[1:]
    if words and words[0].isupper():
        return
    build_parser().parse_args(words)


def test_the_two_commands_stand_in_the_readme() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert "pip install -e . && doit" in lines
    assert "pip install -e '.[test]' && pytest" in lines


PLUGINS = ("vision", "medical", "onnxruntime", "openvino", "pytorch", "linux", "mlperf", "rapl")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_page_of_plugins_says_what_they_declare(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`benchwright plugins --markdown > docs/plugins.md` writes it anew."""
    assert plugins.main(build_parser().parse_args(["plugins", plugin, "--markdown"])) == 0
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    # What one plugin brings stands together with others' of the kind.
    for part in re.split(r"^(?=## )", capsys.readouterr().out, flags=re.MULTILINE):
        assert part.rstrip() + "\n" in page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_campaigns_that_are_shown_or_shipped_are_valid() -> None:
    texts = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    texts += [path.read_text("utf-8") for path in (ROOT / "campaigns").glob("*.yaml")]
    texts += [(ROOT / "benchwright.yaml").read_text("utf-8"), TEMPLATE]
    assert len(texts) >= 3
    for text in texts:
        parse_campaign(yamlfile.parse(text, "shown.yaml"))


def test_init_writes_the_default_campaign() -> None:
    default = yaml.safe_load((ROOT / "benchwright.yaml").read_text("utf-8"))
    assert yaml.safe_load(TEMPLATE) == default


def test_every_campaign_key_is_documented() -> None:
    text = (ROOT / "docs" / "campaign.md").read_text("utf-8")
    for model in (CampaignSchema, PinsSchema, LoadgenSchema, BenchmarkSchema):
        for name in model.model_fields:
            assert re.search(rf"`\{{?{name}\b|\b{name}:", text), f"{name} is not in campaign.md"
