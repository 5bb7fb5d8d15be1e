/** Whole Ethernet frames on a link (packet(7)): for ARP and neighbour discovery in the name of an address. */
import { closeSync } from 'node:fs';
import { inNetns } from './netns.ts';
import { calls, requireSuccess } from './system-calls.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const socketAddressBytes = 20;
/** What we read is short; the rest of a longer frame is cut off. */
const frameBytesMax = 256;

export interface PacketSocket {
  /** A frame from its destination's address on. Throws `KernelError`. */
  send(frame: Uint8Array): void;
  /** A frame that came since, the first bytes of it; undefined when there is none. Never waits. */
  receive(): Buffer | undefined;
  close(): void;
}

export interface PacketSocketOptions {
  readonly linkIndex: number;
  /** `0x0806` is ARP. */
  readonly etherType: number;
  readonly netns?: string | undefined;
}

export function openPacketSocket({ linkIndex, etherType, netns }: PacketSocketOptions): PacketSocket {
  const protocol = ((etherType & 255) << 8) | (etherType >> 8);
  const open = () =>
    requireSuccess(calls().socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, protocol), 'open a packet socket');
  const fd = netns === undefined ? open() : inNetns(netns, open);
  try {
    const address = Buffer.alloc(socketAddressBytes);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(etherType, 2);
    address.writeInt32LE(linkIndex, 4);
    requireSuccess(calls().bind(fd, address, address.length), `bind a packet socket to link ${linkIndex}`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    send: (frame) => void requireSuccess(calls().send(fd, frame, frame.length, MSG_DONTWAIT), 'send a frame'),
    receive() {
      const bytes = Buffer.alloc(frameBytesMax);
      const length = calls().recv(fd, bytes, bytes.length, MSG_DONTWAIT);
      return length > 0 ? bytes.subarray(0, length) : undefined;
    },
    close: () => closeSync(fd),
  };
}
