"""What the page says of the model that classifies is what its bundle says."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.e2e.browser import Watched
from tests.e2e.running import Running


def test_the_model_that_classifies_tells_what_is_wrong_with_it_what_it_is_for_and_its_card(
    seen: Watched, service: Running
) -> None:
    (active,) = (model for model in service.client.models() if model["active"])
    assert active["caveats"]
    seen.page.goto(f"{service.url}/model")
    shown = seen.page.get_by_role("article", name=active["name"])
    for caveat in active["caveats"]:
        expect(shown).to_contain_text(caveat)
    expect(shown).to_contain_text("Research; not a medical device.")
    expect(shown).to_contain_text(active["trained_on"])
    seen.assert_accessible()
    link = shown.get_by_role("link", name="Its model card")
    expect(link).to_have_attribute("href", active["card"])
    assert httpx.get(service.url + active["card"]).text.startswith(f"# {active['name']}")
    link.click()
    expect(seen.page.locator("body")).to_contain_text(f"# {active['name']}")


def test_a_figure_of_no_scans_is_left_out(seen: Watched, service: Running) -> None:
    (active,) = (model for model in service.client.models() if model["active"])
    active["metrics"]["figures"]["peak_in_box"] = {"value": None, "n": 0, "interval": None}
    seen.page.route("**/v1/models", lambda route: route.fulfill(json={"items": [active]}))
    seen.page.goto(f"{service.url}/model")
    shown = seen.page.get_by_role("article", name=active["name"])
    expect(shown).to_contain_text("Accuracy over the four labels")
    expect(shown).not_to_contain_text("Heatmap's peak in the tumour's box")
