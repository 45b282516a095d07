"""Remarks that ask us not to ship (rule 84: 在订单备注不要发货).

In doubt we hold: a person looks and releases, whereas a parcel that has left is not called back. What
certainly asks for something else does not hold: another courier (不要发圆通), haste (不要发货太慢), no packing
list (不要发货单), and every double negative.
"""

from __future__ import annotations

import re

from flows.imports.rows import Fact

_NOT_NEGATED = r"(?<!不要)(?<!不能)(?<!不会)(?<!不是)(?<!没说)(?<!并非)(?<!别)(?<!勿)"
_ENDS_THERE = (  # after 发: the goods or nothing more, so not 发圆通, 发票, 发错; and no complaint about slowness
    r"(?=货|出|走|件|了|[等我先吧啊哦哈呢呀嘛]|\W|$)(?!货单|货清单)"
    r"(?!货?(?:得|的)?(?:太|这么|那么|很)?(?:慢|晚|迟|久))"
)
DO_NOT_SHIP = re.compile(
    _NOT_NEGATED
    + r"(?:"
    + r"(?:先|暂时?|暂且)(?:请|都)?(?:不要?|别|勿|缓)(?:急着|给我)?发"  # 先别发, 暂不发货, 先不要发
    + r"|(?:不要|别|勿)(?:再|先|急着|给我)?发|不用再?发(?=货)"  # 不要发货, 别发货, 勿发
    + r"|(?:停止|暂停|暂缓|推迟|延后)发(?=货)"  # 暂停发货
    + r")"
    + _ENDS_THERE
    + r"货?"
    + r"|(?:等|听|待|候)[^,，。;；]{0,6}通知[^,，。;；]{0,3}发货?"  # 等我通知再发货
)


def holds_in(at, *remarks: str | None) -> list[Fact]:
    """One hold when any of the remarks asks for it, from the moment the order was placed."""
    words = [match[0] for remark in remarks if remark for match in DO_NOT_SHIP.finditer(remark)]
    if not words:
        return []
    return [Fact("hold", at, {"reason": "remark", "text": " ".join(dict.fromkeys(words))})]
