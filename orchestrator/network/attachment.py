"""A pod's network: its address on `lo`, and rules that leave the hooks as the only way out.

There is no interface but `lo`, so nothing leaves the namespace. TCP to anywhere else arrives at the outbound hook,
DNS at the DNS hook, and what nobody could carry is refused at once rather than lost:

    hooks (before NAT)   to the hook ports themselves -> refused (else they would call themselves)
                         UDP to elsewhere, other than DNS -> refused; any other protocol to elsewhere -> refused
    redirect (NAT)       to the pod itself -> untouched; port 53 -> DNS hook; TCP -> outbound hook

IPv6 is switched off in the namespace: a wildcard `::` listener still serves IPv4, and nothing has a way around the
rules. Runs inside the pod's namespaces with CAP_NET_ADMIN over them.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address
from pathlib import Path

from orchestrator.network import netlink as nl

OUTBOUND_PORT = 15001
DNS_PORT = 15053
TABLE = "pocketmesh"

_RTM_NEWLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 20, 24
_IFA_LOCAL, _IFA_ADDRESS = 2, 1
_RTA_OIF, _RTA_PREFSRC = 4, 7
_IFF_UP = 1
_RT_TABLE_MAIN, _RTPROT_BOOT, _RT_SCOPE_LINK, _RTN_UNICAST = 254, 3, 253, 1

_NFNL_SUBSYS_NFTABLES = 10
_NFNL_MSG_BATCH_BEGIN, _NFNL_MSG_BATCH_END = 16, 17
_NFT_MSG_NEWTABLE, _NFT_MSG_NEWCHAIN, _NFT_MSG_NEWRULE = 0, 3, 6
_HOOK_LOCAL_OUT = 3
_PRIORITY_MANGLE, _PRIORITY_DSTNAT = -150, -100
_REGISTER = 1
_PAYLOAD_NETWORK, _PAYLOAD_TRANSPORT = 1, 2
_META_L4PROTO = 16
_CMP_EQ, _CMP_NEQ = 0, 1
_VERDICT_REGISTER = 0
_NF_ACCEPT = 1
_REJECT_ICMP, _REJECT_TCP_RESET = 0, 1
_ICMP_PORT_UNREACHABLE, _ICMP_ADMIN_PROHIBITED = 3, 13

Expressions = list[nl.Attribute]


def attach(address: str, *, hooks: bool = True) -> None:
    """Bring the namespace up with `address`/32. Without `hooks` it is merely closed."""
    _sysctl("net/ipv6/conf/all/disable_ipv6", "1")
    _sysctl("net/ipv6/conf/default/disable_ipv6", "1")
    _sysctl("net/ipv4/ip_unprivileged_port_start", "0")
    _sysctl("net/ipv4/ping_group_range", "0 0")
    index = socket.if_nametoindex("lo")
    packed = socket.inet_aton(address)
    with nl.Netlink(nl.NETLINK_ROUTE) as route:
        route.request(_RTM_NEWLINK, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP), what="lo up")
        route.request(
            _RTM_NEWADDR,
            struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, index)
            + nl.attributes([(_IFA_LOCAL, packed), (_IFA_ADDRESS, packed)]),
            flags=nl.NLM_F_CREATE | nl.NLM_F_EXCL,
            what=f"address {address}",
        )
        route.request(
            _RTM_NEWROUTE,
            struct.pack(
                "=BBBBBBBBI", socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, _RT_SCOPE_LINK, _RTN_UNICAST, 0
            )
            + nl.attributes([(_RTA_OIF, struct.pack("=I", index)), (_RTA_PREFSRC, packed)]),
            flags=nl.NLM_F_CREATE | nl.NLM_F_EXCL,
            what="default route",
        )
    if hooks:
        _install_rules(address)


def _sysctl(name: str, value: str) -> None:
    """Best effort for what a kernel may lack (no IPv6); a refusal that matters shows when the rules are tested."""
    path = Path("/proc/sys", name)
    try:
        with path.open("w") as file:
            file.write(value)
    except FileNotFoundError:
        return
    except OSError:
        if name.endswith("ping_group_range"):
            return
        raise


def _install_rules(address: str) -> None:
    messages: list[bytes] = []
    with nl.Netlink(nl.NETLINK_NETFILTER) as netfilter:

        def add(kind: int, flags: int, items: list[nl.Attribute]) -> None:
            body = struct.pack("=BBH", socket.AF_INET, 0, 0) + nl.attributes(items)
            messages.append(netfilter.message(_NFNL_SUBSYS_NFTABLES << 8 | kind, flags | nl.NLM_F_ACK, body))

        def fence(kind: int) -> bytes:
            return netfilter.message(kind, 0, struct.pack("=BBH", 0, 0, socket.htons(_NFNL_SUBSYS_NFTABLES)))

        begin = fence(_NFNL_MSG_BATCH_BEGIN)
        add(_NFT_MSG_NEWTABLE, nl.NLM_F_CREATE, [(1, TABLE)])
        for name, kind, priority in (("hooks", "filter", _PRIORITY_MANGLE), ("redirect", "nat", _PRIORITY_DSTNAT)):
            add(_NFT_MSG_NEWCHAIN, nl.NLM_F_CREATE, _chain(name, kind, priority))
        for chain, rules in (("hooks", _hook_rules(address)), ("redirect", _redirect_rules(address))):
            for rule in rules:
                add(_NFT_MSG_NEWRULE, nl.NLM_F_CREATE | nl.NLM_F_APPEND, [(1, TABLE), (2, chain), (4, rule)])
        netfilter.batch(
            [begin, *messages, fence(_NFNL_MSG_BATCH_END)], acknowledged=len(messages), what="nftables rules"
        )


def _chain(name: str, kind: str, priority: int) -> list[nl.Attribute]:
    hook: list[nl.Attribute] = [(1, struct.pack(">I", _HOOK_LOCAL_OUT)), (2, struct.pack(">i", priority))]
    return [(1, TABLE), (3, name), (4, hook), (5, struct.pack(">I", _NF_ACCEPT)), (7, kind)]


def _hook_rules(address: str) -> list[Expressions]:
    """Order matters: what is meant for the pod itself is settled first."""
    rules: list[Expressions] = []
    for own in _own_addresses(address):
        for protocol, reject in ((socket.IPPROTO_TCP, _reset()), (socket.IPPROTO_UDP, _unreachable())):
            rules += [[*_protocol(protocol), *_to(own), *_port(port), reject] for port in (OUTBOUND_PORT, DNS_PORT)]
        rules.append([*_to(own), _accept()])
    rules.append([*_protocol(socket.IPPROTO_TCP), _accept()])
    rules.append([*_protocol(socket.IPPROTO_UDP), *_port(53), _accept()])
    rules.append([*_protocol(socket.IPPROTO_UDP), _unreachable()])
    rules.append([_prohibited()])
    return rules


def _redirect_rules(address: str) -> list[Expressions]:
    rules: list[Expressions] = [[*_to(own), _accept()] for own in _own_addresses(address)]
    rules.append([*_protocol(socket.IPPROTO_UDP), *_port(53), *_redirect(DNS_PORT)])
    rules.append([*_protocol(socket.IPPROTO_TCP), *_port(53), *_redirect(DNS_PORT)])
    rules.append([*_protocol(socket.IPPROTO_TCP), *_redirect(OUTBOUND_PORT)])
    return rules


def _own_addresses(address: str) -> tuple[bytes, bytes]:
    """As prefixes of the destination's bytes: 127.0.0.0/8 and the pod's own."""
    return b"\x7f", IPv4Address(address).packed


def _expression(name: str, items: list[nl.Attribute]) -> nl.Attribute:
    return (1, [(1, name), (2, items)])


def _number(value: int) -> bytes:
    return struct.pack(">I", value)


def _load(base: int, offset: int, length: int) -> nl.Attribute:
    return _expression(
        "payload", [(1, _number(_REGISTER)), (2, _number(base)), (3, _number(offset)), (4, _number(length))]
    )


def _compare(value: bytes, operation: int = _CMP_EQ) -> nl.Attribute:
    return _expression("cmp", [(1, _number(_REGISTER)), (2, _number(operation)), (3, [(1, value)])])


def _protocol(number: int) -> Expressions:
    return [
        _expression("meta", [(2, _number(_META_L4PROTO)), (1, _number(_REGISTER))]),
        _compare(bytes([number])),
    ]


def _to(prefix: bytes) -> Expressions:
    """The destination begins with these bytes (offset 16 of the IPv4 header)."""
    return [_load(_PAYLOAD_NETWORK, 16, len(prefix)), _compare(prefix)]


def _port(number: int) -> Expressions:
    """The destination port, at the same place in TCP and UDP."""
    return [_load(_PAYLOAD_TRANSPORT, 2, 2), _compare(struct.pack(">H", number))]


def _accept() -> nl.Attribute:
    verdict: list[nl.Attribute] = [(2, [(1, _number(_NF_ACCEPT))])]
    return _expression("immediate", [(1, _number(_VERDICT_REGISTER)), (2, verdict)])


def _reset() -> nl.Attribute:
    return _expression("reject", [(1, _number(_REJECT_TCP_RESET)), (2, b"\0")])


def _unreachable() -> nl.Attribute:
    return _expression("reject", [(1, _number(_REJECT_ICMP)), (2, bytes([_ICMP_PORT_UNREACHABLE]))])


def _prohibited() -> nl.Attribute:
    return _expression("reject", [(1, _number(_REJECT_ICMP)), (2, bytes([_ICMP_ADMIN_PROHIBITED]))])


def _redirect(port: int) -> Expressions:
    value: nl.Attribute = (2, struct.pack(">H", port))
    return [
        _expression("immediate", [(1, _number(_REGISTER)), (2, [(1, value[1])])]),
        _expression("redir", [(1, _number(_REGISTER))]),
    ]
