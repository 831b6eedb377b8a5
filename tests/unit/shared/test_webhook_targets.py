from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.webhook_targets import Resolver, Target, TargetRefused, checked_addresses, is_public, parse_target, resolve

PRIVATE_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]


@st.composite
def private_addresses(draw: st.DrawFn) -> ipaddress.IPv4Address:
    network = draw(st.sampled_from(PRIVATE_NETWORKS))
    return ipaddress.IPv4Address(draw(st.integers(int(network.network_address), int(network.broadcast_address))))


@given(private_addresses())
def test_no_private_address_is_public_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    assert not is_public(str(address))
    for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80), ("::", 0)):
        assert not is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift)))


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "192.88.99.1", "nonsense"],
)
def test_other_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_a_url_is_taken_apart_once() -> None:
    assert parse_target("https://a.example/hook?x=%20") == Target("https", "a.example", 443, "/hook?x=%20")
    assert parse_target("http://[2001:db8::1]:81").host_header == "[2001:db8::1]:81"
    assert parse_target("https://a.example:443").host_header == "a.example"


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"https://a.example{text}"):
        try:
            target = parse_target(url)
        except TargetRefused:
            continue
        assert target.host.isascii()
        assert target.path.startswith("/")
        assert not set(url) & set(" \r\n\t\\#")


def test_all_addresses_of_a_name_must_be_public() -> None:
    target = parse_target("https://a.example/")
    public, private = "8.8.8.8", "10.0.0.1"
    assert checked_addresses(target, private_allowed=False, resolver=lambda *_: [public]) == [public]
    for order in ([public, private], [private, public]):
        with pytest.raises(TargetRefused) as refused:
            checked_addresses(target, private_allowed=False, resolver=lambda *_, order=order: order)
        assert refused.value.code == "private_target"
    assert checked_addresses(target, private_allowed=True, resolver=lambda *_: [private]) == [private]


def test_a_name_without_an_address_is_unknown() -> None:
    def nobody(*_: object) -> list[str]:
        raise OSError

    resolvers: list[Resolver] = [nobody, lambda *_: []]
    for resolver in resolvers:
        with pytest.raises(TargetRefused) as refused:
            checked_addresses(parse_target("https://a.example/"), private_allowed=True, resolver=resolver)
        assert refused.value.code == "unknown_host"


def test_the_system_knows_this_machine() -> None:
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match="host"):
        resolve("a" * 64 + ".example", 80)
