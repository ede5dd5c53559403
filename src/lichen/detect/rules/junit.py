"""The cases of rules as JUnit XML, for whatever shows test results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from lichen.core.errors import RuleError
from lichen.detect.rules.companions import Outcome

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold at all


def junit(outcomes: Iterable[Outcome], faults: Iterable[RuleError]) -> bytes:
    """A suite for each rule with a case for each hit, miss and near-miss, and one of the faults."""
    suites = ElementTree.Element("testsuites", name="lichen rule test")
    by_rule: dict[str, ElementTree.Element] = {}
    for each in outcomes:
        suite = by_rule.get(each.rule.id)
        if suite is None:
            about = {"name": _xml(each.rule.title), "file": _xml(str(each.rule.path))}
            suite = by_rule[each.rule.id] = ElementTree.SubElement(suites, "testsuite", about)
        kind = each.case.kind.replace("_", "-")
        about = {"name": _xml(f"{kind} at {each.case.place}"), "classname": _xml(each.rule.title)}
        case = ElementTree.SubElement(suite, "testcase", about)
        if not each.passed:
            said = f"the {kind} {'fires' if each.fired else 'does not fire'}"
            failure = ElementTree.SubElement(case, "failure", message=said, type=kind)
            failure.text = _xml("\n".join(f"{name}: {value}" for name, value in each.case.fields.items()))
    wrong = list(faults)
    if wrong:
        suite = ElementTree.SubElement(suites, "testsuite", name="faults")
        for fault in wrong:
            case = ElementTree.SubElement(suite, "testcase", name=_xml(fault.place), classname="faults")
            ElementTree.SubElement(case, "error", message=_xml(fault.fault), type="fault").text = _xml(fault.remedy)
    for suite in [*suites, suites]:
        cases = suite.iter("testcase")
        _count(suite, list(cases))
    ElementTree.indent(suites)
    written: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _count(suite: ElementTree.Element, cases: list[ElementTree.Element]) -> None:
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
