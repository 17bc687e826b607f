#!/usr/bin/env python3
"""Records anew what Jinja2 itself (3.1.6, with the environment of transformers 4.57) makes of the templates in jinja.json.

    python3 record.py

jinja.json holds [template, text] or [template, null, error] for each; they are rendered with the variables in jinja.vars.json. To add a case, add [template]. Needs jinja2 only; the tests need no Python.
"""
import copy, datetime, json, os, warnings
import jinja2, jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

class Generation(jinja2.ext.Extension):
    tags = {"generation"}
    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)
    def _same(self, caller): return caller()

def fail(message): raise jinja2.exceptions.TemplateError(message)

def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals.update(raise_exception=fail, strftime_now=lambda format: datetime.datetime(2025, 3, 9, 16, 5, 7).strftime(format))
variables = json.load(open(os.path.join(here, "jinja.vars.json"), encoding="utf-8"))
cases = []
for template in [c[0] for c in json.load(open(os.path.join(here, "jinja.json"), encoding="utf-8"))["cases"]]:
    try: cases.append([template, environment.from_string(template).render(**copy.deepcopy(variables))])
    except Exception as e: cases.append([template, None, f"{type(e).__name__}: {e}"])
with open(os.path.join(here, "jinja.json"), "w", encoding="utf-8") as out:
    out.write('{"recorded_with": "Jinja2 ' + jinja2.__version__ + '", "cases": [\n' + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]}\n")
print(len(cases), "cases,", sum(c[1] is None for c in cases), "of them errors")
