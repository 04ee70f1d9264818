import { expect, test } from 'vitest';
import type { FeatureName } from '../../arch/features.ts';
import { bareHandlerPstate, handlerPstate } from './pstate.ts';

const SPAN = 1n << 23n;
const [SS, IL, PAN, UAO, DIT] = [1 << 21, 1 << 20, 1 << 22, 1 << 23, 1 << 24];
const at = (
  interrupted: number,
  { el = 1, features = [], sctlr = SPAN, host = false }: Partial<Options> = {},
): number => handlerPstate(interrupted, { clientEl: el, features: new Set(features), sctlr, hostRegime: host });
interface Options {
  readonly el: 1 | 2;
  readonly features: readonly FeatureName[];
  readonly sctlr: bigint;
  readonly host: boolean;
}

test('mode is the client’s with its own stack pointer, and everything is masked', () => {
  for (const interrupted of [0x0, 0x4, 0x5, 0x1c0, 0x3c5]) {
    expect(at(interrupted)).toBe(0x3c5);
    expect(at(interrupted, { el: 2 })).toBe(0x3c9);
  }
  expect([bareHandlerPstate(1), bareHandlerPstate(2)]).toEqual([0x3c5, 0x3c9]);
});

test('NZCV and DIT stay; IL and SS go', () => {
  expect(at((0xf000_0000 | DIT | SS | IL) >>> 0)).toBe((0xf000_0000 | DIT | 0x3c5) >>> 0);
});

test('PAN is set unless SCTLR_ELx.SPAN is 1, and else stays', () => {
  const features = ['FEAT_PAN'] as const;
  expect(at(0, { features, sctlr: 0n }) & PAN).toBe(PAN);
  expect(at(0, { features }) & PAN).toBe(0);
  expect(at(PAN, { features }) & PAN).toBe(PAN);
  expect(at(0, { features, sctlr: 0n, el: 2 }) & PAN).toBe(0);
  expect(at(0, { features, sctlr: 0n, el: 2, host: true }) & PAN).toBe(PAN);
  expect(at(0, { sctlr: 0n }) & PAN).toBe(0);
});

test('fields of later features follow their rules at exception entry', () => {
  expect(at(UAO, { features: ['FEAT_UAO'] }) & UAO).toBe(0);
  expect(at(0xc00, { features: ['FEAT_BTI'] }) & 0xc00).toBe(0);
  expect(at(0, { features: ['FEAT_SSBS'], sctlr: 1n << 44n }) & 0x1000).toBe(0x1000);
  expect(at(0x1000, { features: ['FEAT_SSBS'] }) & 0x1000).toBe(0);
  expect(at(0, { features: ['FEAT_MTE'] }) & (1 << 25)).toBe(1 << 25);
  expect(at(0, { features: ['FEAT_NMI'] }) & 0x2000).toBe(0x2000);
  expect(at(0x2000, { features: ['FEAT_NMI'], sctlr: 1n << 62n }) & 0x2000).toBe(0);
});

test('what was AArch32 enters AArch64, without the fields that only AArch32 has', () => {
  const [USER, T, E, IT, GE, Q] = [0x10, 0x20, 0x200, 0x0600_fc00, 0xf_0000, 1 << 27];
  expect(at((0x8000_0000 | USER | T | E | IT | GE | Q) >>> 0)).toBe(0x8000_03c5);
});
