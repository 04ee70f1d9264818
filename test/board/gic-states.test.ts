import { describe, expect, it } from 'vitest';
import { GicBoard } from './gic.ts';

/** Test ideas 26 to 31: the state of an interrupt, from the wire to deactivation. */

const SPI = 40;
/** A PPI that no device of this board drives. */
const PPI = 24;

/** Pending and active of an interrupt. */
function state(board: GicBoard, intid: number): string {
  const pending = board.has('ISPENDR', intid);
  const active = board.has('ISACTIVER', intid);
  if (pending && active) return 'active and pending';
  if (active) return 'active';
  return pending ? 'pending' : 'inactive';
}

describe('the state of an interrupt', () => {
  for (const intid of [SPI, PPI]) {
    it(`26. edge interrupt ${intid} triggered again while active is active and pending and comes after deactivation`, () => {
      const board = new GicBoard().open();
      board.arm(intid, 0x80, { edge: true });
      board.wire(intid, true);
      board.wire(intid, false);
      expect([state(board, intid), board.ack(), state(board, intid)]).toEqual(['pending', intid, 'active']);
      board.wire(intid, true);
      board.wire(intid, false);
      expect([state(board, intid), board.signalled()]).toEqual(['active and pending', '-']);
      board.eoi(intid);
      expect([state(board, intid), board.signalled()]).toEqual(['pending', 'IRQ']);
      expect(board.ack()).toBe(intid);
      board.eoi(intid);
      expect([state(board, intid), board.signalled()]).toEqual(['inactive', '-']);
    });

    it(`27. level interrupt ${intid} with the line still high fires again immediately after EOI`, () => {
      const board = new GicBoard().open();
      board.arm(intid, 0x80, { edge: false });
      board.wire(intid, true);
      expect([board.ack(), state(board, intid), board.signalled()]).toEqual([intid, 'active and pending', '-']);
      board.eoi(intid);
      expect([state(board, intid), board.signalled()]).toEqual(['pending', 'IRQ']);
      expect(board.ack()).toBe(intid);
      board.wire(intid, false);
      expect(state(board, intid)).toBe('active');
      board.eoi(intid);
      expect([state(board, intid), board.signalled()]).toEqual(['inactive', '-']);
    });

    it(`28. ICPENDR on a high level line of ${intid} reads back pending`, () => {
      const board = new GicBoard().open();
      board.arm(intid, 0x80, { edge: false });
      board.wire(intid, true);
      board.pend(intid, false);
      expect([board.has('ICPENDR', intid), board.signalled()]).toEqual([true, 'IRQ']);
      board.wire(intid, false);
      expect([board.has('ICPENDR', intid), board.signalled()]).toEqual([false, '-']);
    });

    it(`29. ISPENDR on level ${intid}, acknowledged with the line low, ends inactive after EOI`, () => {
      const board = new GicBoard().open();
      board.arm(intid, 0x80, { edge: false });
      board.pend(intid);
      expect(state(board, intid)).toBe('pending');
      expect([board.ack(), state(board, intid)]).toEqual([intid, 'active']);
      board.eoi(intid);
      expect([state(board, intid), board.signalled()]).toEqual(['inactive', '-']);
    });

    it(`30. ISACTIVER blocks delivery of pending ${intid} until ICACTIVER`, () => {
      const board = new GicBoard().open();
      board.arm(intid, 0x80);
      board.bit('ISACTIVER', intid);
      board.pend(intid);
      expect([state(board, intid), board.signalled(), board.ack()]).toEqual(['active and pending', '-', 1023]);
      board.bit('ICACTIVER', intid);
      expect([state(board, intid), board.signalled(), board.ack()]).toEqual(['pending', 'IRQ', intid]);
    });
  }

  it('31. ICACTIVER during handling does not change RPR', () => {
    const board = new GicBoard().open();
    board.arm(SPI, 0x80);
    board.pend(SPI);
    board.ack();
    expect(board.get('ICC_RPR_EL1')).toBe(0x80);
    board.bit('ICACTIVER', SPI);
    expect([state(board, SPI), board.get('ICC_RPR_EL1')]).toEqual(['inactive', 0x80]);
    board.eoi(SPI);
    expect(board.get('ICC_RPR_EL1')).toBe(0xff);
  });
});
