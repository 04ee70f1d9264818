import { describe, expect, it } from 'vitest';
import { NET_BACKLOG_FRAMES_MAX } from './limits.ts';
import { LOOPBACK_NET, NULL_NET, VirtioNet } from './net.ts';
import { VirtioRig } from './virtio-rig.ts';

const frame = (sizeBytes: number) => Uint8Array.from({ length: sizeBytes }, (_, n) => n & 0xff);
const withHeader = (sizeBytes: number, headerBytes: number) =>
  Uint8Array.from([...new Uint8Array(headerBytes), ...frame(sizeBytes)]);

describe('virtio-net (VIRTIO 1.2, "Network Device")', () => {
  it('has an address and its link is up', () => {
    const rig = new VirtioRig(new VirtioNet(NULL_NET));
    expect([rig.config(0, 4), rig.config(4, 2), rig.config(6, 2)]).toEqual([0x1200_5452, 0x5634, 1]);
  });

  it.each([
    ['modern', 12],
    ['legacy', 10],
  ] as const)('through a loopback plug a frame comes back (%s, header of %i bytes)', (shows, headerBytes) => {
    const rig = new VirtioRig(new VirtioNet(LOOPBACK_NET), shows).start();
    const { places } = rig.push(0, [headerBytes, 1514]);
    rig.push(1, [withHeader(60, headerBytes)]);
    rig.notify(1);
    expect(rig.used(1)).toHaveLength(1);
    expect(rig.used(0)).toEqual([{ id: 0, len: headerBytes + 60 }]);
    expect(rig.bytesAt(places[1]!, 60)).toEqual(frame(60));
    const numBuffers = rig.bytesAt(places[0]!, headerBytes).slice(10);
    expect([...numBuffers]).toEqual(shows === 'modern' ? [1, 0] : []);
  });

  it('with nobody at the other end a frame is gone', () => {
    const rig = new VirtioRig(new VirtioNet(NULL_NET)).start();
    rig.push(0, [1600]);
    rig.push(1, [withHeader(60, 12)]);
    rig.notify(1);
    expect([rig.used(1).length, rig.used(0).length, rig.reports]).toEqual([1, 0, []]);
  });

  it.each([0, 13, 70_000])('a frame of %i bytes is dropped and reported, the buffer comes back', (sizeBytes) => {
    const rig = new VirtioRig(new VirtioNet(LOOPBACK_NET)).start();
    rig.push(1, [withHeader(sizeBytes, 12)]);
    rig.notify(1);
    expect([rig.used(1).length, rig.reports.length]).toEqual([1, 1]);
  });

  it('a frame that no receive buffer can hold is dropped and reported, and the buffer serves the next one', () => {
    const net = new VirtioNet(NULL_NET);
    const rig = new VirtioRig(net).start();
    rig.push(0, [100]);
    net.receive(frame(200));
    net.receive(frame(64));
    rig.run();
    expect([rig.used(0), rig.reports.length]).toEqual([[{ id: 0, len: 76 }], 1]);
  });

  it('a bounded number of frames waits for receive buffers', () => {
    const net = new VirtioNet(NULL_NET);
    const rig = new VirtioRig(net).start();
    const taken = Array.from({ length: NET_BACKLOG_FRAMES_MAX + 1 }, () => net.receive(frame(64)));
    expect(taken.lastIndexOf(true)).toBe(NET_BACKLOG_FRAMES_MAX - 1);
    expect(rig.reports).toHaveLength(1);
  });
});
