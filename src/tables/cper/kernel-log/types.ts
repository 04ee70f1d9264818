import type { Finding } from '../../finding.ts';
import type { CperSection } from '../sections.ts';

/** A name and what the kernel printed for it, unchanged. */
export interface LogField {
  readonly name: string;
  readonly value: string;
}

/** A part of a section with a heading of its own: an error information structure, a context, vendor bytes. */
export interface LogPart {
  readonly title: string;
  readonly fields: LogField[];
  /** Lines that are sentences and not `name: value`. */
  readonly statements: string[];
  /** What was printed as a hexadecimal dump. */
  dump: number[];
}

/** A section of a report. */
export interface LogSection {
  readonly index: number;
  /** `recoverable`, `fatal`, `corrected`, `info` or `unknown`, as the kernel writes it. */
  readonly severity: string;
  /** `memory error`, `ARM processor error`, ...; `unknown` where only a GUID was printed. */
  type: string | undefined;
  typeGuid: string | undefined;
  readonly fields: LogField[];
  readonly statements: string[];
  readonly parts: LogPart[];
  dump: number[];
  /** The section that a complete dump holds, when its type is known here. */
  decoded: CperSection | undefined;
}

/** Lines of the kernel about one error. */
export interface LogReport {
  readonly item: 'report';
  /** GHES and BERT records, machine checks, or other lines that are marked as hardware errors. */
  readonly origin: 'GHES' | 'BERT' | 'other';
  /** The number in braces before each line. */
  readonly sequence: number | undefined;
  /** Number of the error source in HEST. */
  readonly sourceId: number | undefined;
  /** When, as the first line says it. */
  readonly time: string | undefined;
  readonly lineFirst: number;
  lineLast: number;
  readonly offset: number;
  endOffset: number;
  severity: string | undefined;
  /** The kernel said that nothing more has to be done. */
  corrected: boolean;
  readonly fields: LogField[];
  readonly statements: string[];
  readonly sections: LogSection[];
}

/** One line that tells what became of an error, or that has to do with errors. */
export interface LogEvent {
  readonly item: 'event';
  /** `memory failure`, `panic`, `EDAC`, ... */
  readonly kind: string;
  readonly time: string | undefined;
  readonly lineFirst: number;
  readonly offset: number;
  readonly endOffset: number;
  readonly fields: readonly LogField[];
  readonly text: string;
}

/** What a kernel log says about hardware errors, in order of lines. */
export interface KernelLog {
  readonly items: readonly (LogReport | LogEvent)[];
  readonly lines: number;
  readonly sizeBytes: number;
  /** Lines in which the kernel itself refused a record, and reports that are not whole. */
  readonly findings: Finding[];
}
