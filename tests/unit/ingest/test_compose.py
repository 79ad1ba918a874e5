"""What containers are told of platforms."""

from __future__ import annotations

import re

from services.ingest.settings import PlatformSettings, StoreSettings
from tests.fixtures.stack import ROOT


def test_compose_hands_on_where_platforms_are_reached() -> None:
    own = set(PlatformSettings.__struct_fields__) - set(StoreSettings.__struct_fields__)
    handed = re.findall(r"^ {6}OTKLIK_([A-Z_]+):", (ROOT / "deploy" / "compose.yaml").read_text(), re.MULTILINE)
    assert own - {name.lower() for name in handed} == set()
