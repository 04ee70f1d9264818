/**
 * Reads what a Linux kernel printed about hardware errors and groups its lines into reports.
 *
 * Formats: Linux drivers/firmware/efi/cper.c and cper-arm.c, drivers/acpi/apei/ghes.c and bert.c, of all versions since
 * 3.2. Reports of several CPUs may be interleaved: the number in braces tells them apart.
 */
import { type Finding, MAX_FINDINGS } from '../../finding.ts';
import { Finder } from '../finder.ts';
import { decodeSection } from '../sections.ts';
import { eventIn, isRefusal } from './events.ts';
import { dumpRow, fieldsIn } from './fields.ts';
import { type LogLine, linesOf, type MarkedLine, marked, timeIn } from './lines.ts';
import type { KernelLog, LogEvent, LogPart, LogReport, LogSection } from './types.ts';

const HEAD = /^(?:Hardware error from APEI Generic Hardware Error Source: (\d+)|APEI generic hardware error status$)/;
const CORRECTED = /^It has been corrected by h\/w/;
const SEVERITY = /^(?:event )?severity: (?:\d+, )?(\w+)$/;
const SECTION = /^(?:Error|section:? )\s*(\d+), (?:type|severity): (?:\d+, )?(\w+)/;
const SECTION_TYPE = /^section[_ ]type: (?:unknown, ([0-9a-f-]{36})|(.+))$/;
const PART = /^((?:Error|Context) info structure \d+|Vendor specific error info has \d+ bytes):$/;
const TIME_STAMP = /^(?:im|)precise tstamp: |^tstamp: /;
const SEVERITIES: ReadonlySet<string> = new Set(['recoverable', 'fatal', 'corrected', 'info']);

/** Key of the one report whose lines have no number. */
const UNNUMBERED = -1;

class Parser {
  readonly items: (LogReport | LogEvent)[] = [];
  readonly findings: Finding[] = [];
  readonly #open = new Map<number, LogReport>();
  /** Lines of a section that come before its first line. */
  readonly #early = new Map<LogReport, string>();
  #inBert = false;

  take(line: LogLine): void {
    const mark = marked(line.text);
    if (isRefusal(line.text)) this.#refused(line);
    if (mark === undefined) this.#event(line);
    else this.#report(line, mark);
  }

  #find(offset: number, rule: string, found: string, expected: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ offset, rule, found, expected });
  }

  #refused(line: LogLine): void {
    const text = marked(line.text)?.message ?? eventIn(line.text)?.text ?? line.text.trim();
    const found = `line ${line.number}: ${text}`;
    this.#find(line.offset, 'the kernel can read what firmware recorded', found, 'a record without fault');
  }

  #event(line: LogLine): void {
    const event = eventIn(line.text);
    if (event === undefined) return;
    const { kind, prefix, fields, text } = event;
    if (/^BERT: (?:Error records|Total)/.test(text)) {
      this.#inBert = text.startsWith('BERT: Error');
      this.#open.delete(UNNUMBERED);
    }
    const { number: lineFirst, offset, endOffset } = line;
    this.items.push({ item: 'event', kind, time: timeIn(prefix), lineFirst, offset, endOffset, fields, text });
  }

  #report(line: LogLine, mark: MarkedLine): void {
    const key = mark.sequence ?? UNNUMBERED;
    const head = HEAD.exec(mark.message);
    if (head !== null) {
      const sourceId = head[1] === undefined ? undefined : Number(head[1]);
      this.#begin(line, mark, 'GHES', sourceId);
      return;
    }
    let report = this.#open.get(key);
    if (key === UNNUMBERED) report = this.#unnumbered(line, mark, report);
    else if (report === undefined) {
      report = this.#begin(line, mark, 'GHES', undefined);
      const expected = "'Hardware error from APEI Generic Hardware Error Source: N' before it";
      this.#find(line.offset, 'a report begins with its source', `line ${line.number}: ${mark.message}`, expected);
    }
    report.lineLast = line.number;
    report.endOffset = line.endOffset;
    this.#line(report, mark, line);
  }

  /** The report of a line without a number: the one that is open, or a new one of BERT or of other code. */
  #unnumbered(line: LogLine, mark: MarkedLine, report: LogReport | undefined): LogReport {
    const { message } = mark;
    const starts = CORRECTED.test(message) || (SEVERITY.test(message) && report?.severity !== undefined);
    if (this.#inBert && (report?.origin !== 'BERT' || starts)) return this.#begin(line, mark, 'BERT', undefined);
    const foreign = /\bmce: $/.test(mark.prefix) && report?.origin !== 'other';
    const apart = report?.origin === 'other' && line.number > report.lineLast + 1;
    if (report === undefined || foreign || apart) return this.#begin(line, mark, 'other', undefined);
    return report;
  }

  #begin(line: LogLine, mark: MarkedLine, origin: LogReport['origin'], sourceId: number | undefined): LogReport {
    const report: LogReport = {
      item: 'report',
      origin,
      sequence: mark.sequence,
      sourceId,
      time: timeIn(mark.prefix),
      lineFirst: line.number,
      lineLast: line.number,
      offset: line.offset,
      endOffset: line.endOffset,
      severity: undefined,
      corrected: false,
      fields: [],
      statements: [],
      sections: [],
    };
    this.items.push(report);
    this.#open.set(mark.sequence ?? UNNUMBERED, report);
    return report;
  }

  #line(report: LogReport, { message }: MarkedLine, line: LogLine): void {
    if (message === '') return;
    if (CORRECTED.test(message)) {
      report.corrected = true;
      return;
    }
    const severity = SEVERITY.exec(message);
    if (severity !== null && report.severity === undefined) {
      report.severity = severity[1];
      this.#checkSeverity(severity[1], line);
      return;
    }
    const section = SECTION.exec(message);
    if (section !== null) {
      this.#checkSeverity(section[2], line);
      report.sections.push(newSection(Number(section[1]), section[2]));
      const early = this.#early.get(report);
      if (early !== undefined) report.sections.at(-1)?.fields.push(...fieldsIn(early));
      this.#early.delete(report);
    } else if (TIME_STAMP.test(message)) this.#early.set(report, message);
    else addLine(report, message);
  }

  #checkSeverity(severity: string, line: LogLine): void {
    if (SEVERITIES.has(severity)) return;
    const found = `line ${line.number}: ${severity}`;
    this.#find(line.offset, 'severity of a record', found, [...SEVERITIES].join(', '));
  }

  finish(): void {
    for (const item of this.items) {
      if (item.item !== 'report' || item.origin === 'other') continue;
      if (item.severity === undefined) {
        const found = `lines ${item.lineFirst} to ${item.lineLast} without it`;
        this.#find(item.offset, 'a report says how severe the event is', found, "'event severity: ...'");
      }
      for (const section of item.sections) section.decoded = decodeDump(section);
    }
  }
}

function newSection(index: number, severity: string): LogSection {
  return {
    index,
    severity,
    type: undefined,
    typeGuid: undefined,
    fields: [],
    statements: [],
    parts: [],
    dump: [],
    decoded: undefined,
  };
}

/** Adds a line to the innermost open part of a report. */
function addLine(report: LogReport, message: string): void {
  const section = report.sections.at(-1);
  const type = section === undefined ? null : SECTION_TYPE.exec(message);
  if (section !== undefined && type !== null) {
    section.typeGuid = type[1];
    section.type = type[2] ?? 'unknown';
    return;
  }
  const part = PART.exec(message);
  if (section !== undefined && part !== null) {
    section.parts.push({ title: part[1], fields: [], statements: [], dump: [] });
    return;
  }
  const inner: LogReport | LogSection | LogPart = section?.parts.at(-1) ?? section ?? report;
  const row = 'dump' in inner ? dumpRow(message) : undefined;
  if (row !== undefined && 'dump' in inner) {
    inner.dump.push(...row);
    return;
  }
  const fields = fieldsIn(message);
  if (fields.length > 0) inner.fields.push(...fields);
  else inner.statements.push(message);
}

/** The section that a dump of an unknown one holds, when the dump is whole and the type is known here. */
function decodeDump({ typeGuid, dump, fields }: LogSection) {
  const length = fields.find(({ name }) => name === 'section length')?.value;
  if (typeGuid === undefined || length === undefined || Number(length) !== dump.length) return undefined;
  const section = decodeSection(typeGuid, Uint8Array.from(dump), new Finder());
  return section.kind === 'bytes' ? undefined : section;
}

/** Reads a log; never throws, whatever the bytes are. A log without a line about hardware errors has no items. */
export function parseKernelLog(bytes: Uint8Array): KernelLog {
  const parser = new Parser();
  let lines = 0;
  for (const line of linesOf(bytes)) {
    parser.take(line);
    lines = line.number;
  }
  parser.finish();
  const findings = parser.findings.sort((a, b) => a.offset - b.offset);
  return { items: parser.items, lines, sizeBytes: bytes.length, findings };
}
