import { parseIp } from '@slipway/api/ip-address';
import { addressToldBy, announcementFrame, probeFrame, senderOf } from './neighbour-frames.ts';

const mac = '02:00:00:00:00:0a';
const frameOf = (make: typeof probeFrame, text: string) => {
  const address = parseIp(text);
  if (!address) throw new Error(text);
  return make(address, mac);
};

describe('frames of neighbours', () => {
  it('ask by ARP without saying an own address', () => {
    expect(frameOf(probeFrame, '192.0.2.7').toString('hex')).toBe(
      [
        'ffffffffffff',
        '02000000000a',
        '0806',
        '0001080006040001',
        '02000000000a',
        '00000000',
        '000000000000',
        'c0000207',
      ].join(''),
    );
    expect(addressToldBy(frameOf(probeFrame, '192.0.2.7'))).toBeUndefined();
  });

  it.each(['192.0.2.7', 'fd00::1:2'])('tell everybody who has %s', (text) => {
    const frame = frameOf(announcementFrame, text);
    expect(addressToldBy(frame)).toBe(text);
    expect(senderOf(frame)).toBe(mac);
    expect(addressToldBy(frame.subarray(0, 40))).toBeUndefined();
  });

  it('carry a checksum over the addresses too', () => {
    const frame = frameOf(probeFrame, 'fd00::1:2');
    const pseudo = Buffer.concat([frame.subarray(22, 54), Buffer.from([0, 0, 0, 24, 0, 0, 0, 58]), frame.subarray(54)]);
    let sum = 0;
    for (let i = 0; i < pseudo.length; i += 2) sum += pseudo.readUInt16BE(i);
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
    expect(frame.subarray(0, 6).toString('hex')).toBe('3333ff010002');
  });
});
