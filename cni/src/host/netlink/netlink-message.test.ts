import { linkStepMessage, linkStepMessages } from './link-messages.ts';
import { attribute, decodeReply, encodeMessage, errorMessageType, nested, textAttribute } from './netlink-message.ts';

const numbers = { linkIndex: () => 7, netnsDescriptor: () => 9 };
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('netlink messages', () => {
  it('pads attributes to four bytes and keeps their true length', () => {
    expect(hexOf(textAttribute(3, 'lo'))).toBe('07000300' + '6c6f00' + '00');
    expect(hexOf(nested(18, attribute(1, Buffer.from('ab'))))).toBe('0c001280' + '06000100' + '61620000');
  });

  it('puts the length, the type, the flags and the sequence number in front', () => {
    const message = encodeMessage({ type: 16, flags: 5, body: [Buffer.from('abcd')] }, 3);
    expect(hexOf(message)).toBe('14000000' + '1000' + '0500' + '03000000' + '00000000' + '61626364');
  });

  it('encodes a default route as the kernel wants it: no destination, scope universe, link by index', () => {
    const step = { step: 'addRoute', link: 'eth0', destination: '0.0.0.0/0', gateway: '10.64.0.1' } as const;
    const { type, flags, body } = linkStepMessage(step, numbers);
    expect({ type, flags }).toEqual({ type: 24, flags: 0x605 });
    expect(hexOf(Buffer.concat(body))).toBe(
      '02000000' + 'fe030001' + '00000000' + '08000500' + '0a400001' + '08000400' + '07000000',
    );
  });

  it('encodes IPv6 addresses in 16 bytes, in use at once', () => {
    const step = { step: 'addAddress', link: 'eth0', address: 'fd00::5/64', skipsDuplicateDetection: true } as const;
    const address = 'fd00000000000000' + '0000000000000005';
    expect(hexOf(Buffer.concat(linkStepMessage(step, numbers).body))).toBe(
      ['0a400000', '07000000', '14000200', address, '14000100', address, '08000800', '02000000'].join(''),
    );
  });

  it('puts a port into VLANs, and takes it out of others, by the family of bridges', () => {
    const add = [
      { id: 100, isNative: true },
      { id: 7, isNative: false },
    ];
    const messages = linkStepMessages({ step: 'setPortVlans', name: 'p', add, remove: [1] }, numbers);
    const header = '07000000' + '07000000' + '00000000' + '00000000';
    expect(messages.map(({ type, body }) => [type, hexOf(Buffer.concat(body))])).toEqual([
      [19, `${header}14001a8008000200060064000800020000000700`],
      [17, `${header}0c001a800800020000000100`],
    ]);
  });

  it('reads outcomes with the explanation of the kernel', () => {
    const header = (length: number, flags: number) => {
      const bytes = Buffer.alloc(36);
      bytes.writeUInt32LE(length, 0);
      bytes.writeUInt16LE(errorMessageType, 4);
      bytes.writeUInt16LE(flags, 6);
      return bytes;
    };
    expect(decodeReply(header(36, 0x100))).toEqual({ kind: 'outcome', errno: 0, message: '' });
    const refused = header(36, 0x300);
    refused.writeInt32LE(-17, 16);
    const text = textAttribute(1, 'Nexthop has invalid gateway');
    refused.writeUInt32LE(36 + text.length, 0);
    expect(decodeReply(Buffer.concat([refused, text]))).toEqual({
      kind: 'outcome',
      errno: 17,
      message: 'Nexthop has invalid gateway',
    });
  });
});
