import { describe, expect, it } from 'vitest';
import { VirtioConsole } from './console.ts';
import { CONSOLE_BACKLOG_BYTES_MAX } from './limits.ts';
import { VirtioRig } from './virtio-rig.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (of: Uint8Array) => new TextDecoder().decode(of);

function console() {
  const seen = { out: '' };
  const device = new VirtioConsole({ transmit: (b) => (seen.out += text(b)) });
  return { device, seen, rig: new VirtioRig(device) };
}

describe('virtio-console (VIRTIO 1.2, "Console Device")', () => {
  it('transmits what the driver sends, in order', () => {
    const { rig, seen } = console();
    rig.start();
    rig.push(1, [bytes('one '), bytes('two ')]);
    rig.push(1, [bytes('three')]);
    rig.notify(1);
    expect(seen.out).toBe('one two three');
    expect(rig.used(1).map(({ len }) => len)).toEqual([0, 0]);
  });

  it('what arrives fills the buffers offered, and waits when there are none', () => {
    const { rig, device } = console();
    rig.start();
    const { places } = rig.push(0, [4]);
    expect(device.receive(bytes('abcdef'))).toBe(6);
    expect(rig.used(0)).toEqual([]);
    rig.run();
    expect([rig.used(0)[0]?.len, text(rig.bytesAt(places[0]!, 4))]).toEqual([4, 'abcd']);
    const more = rig.push(0, [8]).places;
    rig.notify(0);
    expect([rig.used(0)[1]?.len, text(rig.bytesAt(more[0]!, 2))]).toEqual([2, 'ef']);
  });

  it('what arrives before the driver is there waits for it', () => {
    const { rig, device } = console();
    device.receive(bytes('early'));
    expect(rig.visitWanted).toBe(false);
    rig.start();
    const { places } = rig.push(0, [8]);
    rig.notify(0);
    expect(text(rig.bytesAt(places[0]!, 5))).toBe('early');
  });

  it('takes no more than its backlog', () => {
    const { device } = console();
    expect(device.receive(new Uint8Array(100_000))).toBe(CONSOLE_BACKLOG_BYTES_MAX);
    expect(device.receive(bytes('x'))).toBe(0);
  });

  it('an emergency write needs no driver', () => {
    const { rig, seen } = console();
    rig.device.write(0x108, 0x21, { sizeBytes: 4, nonSecure: true, pe: 0 });
    expect(seen.out).toBe('!');
    rig.device.write(0x100, 0x21, { sizeBytes: 4, nonSecure: true, pe: 0 });
    expect([seen.out, rig.reports.length]).toEqual(['!', 1]);
  });
});
