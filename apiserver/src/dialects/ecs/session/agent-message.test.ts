import fc from 'fast-check';
import { type AgentMessage, decodeAgentMessage, encodeAgentMessage, messageTypes } from './agent-message.ts';

const message = (more: Partial<AgentMessage> = {}): AgentMessage => ({
  type: messageTypes.output,
  createdMs: 1_795_265_981_000,
  sequenceNumber: 7,
  flags: 1,
  id: '00112233-4455-4677-8899-aabbccddeeff',
  payloadType: 1,
  payload: Buffer.from('ls\n'),
  ...more,
});

describe('an agent message', () => {
  it('has the bytes of Session Manager', () => {
    // Put together by hand: python3's struct and hashlib.
    const header = [
      '00000074',
      Buffer.from('output_stream_data'.padEnd(32)).toString('hex'),
      '00000001',
      '000001a1fe30ea48',
      '0000000000000007',
      '0000000000000001',
      '8899aabbccddeeff',
      '0011223344554677',
      'e9fe7e88e89d532379960402db8f9458194dae772aa5fda5a12806c22215f0ff',
      '00000001',
      '00000003',
    ];
    const bytes = encodeAgentMessage(message());
    expect(bytes.toString('hex')).toBe(`${header.join('')}6c730a`);
  });

  it('is read as it was written', () => {
    const any = fc.record({
      type: fc.constantFrom(...Object.values(messageTypes)),
      createdMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      sequenceNumber: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      flags: fc.integer({ min: 0, max: 3 }),
      id: fc.uuid(),
      payloadType: fc.integer({ min: 0, max: 12 }),
      payload: fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(any, (given) => {
        expect(decodeAgentMessage(encodeAgentMessage(given))).toEqual({ kind: 'message', message: given });
      }),
    );
  });

  it('cut anywhere is refused, and so is one with more behind it', () => {
    const bytes = encodeAgentMessage(message());
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeAgentMessage(bytes.subarray(0, length)).kind).toBe('malformed');
    }
    expect(decodeAgentMessage(Buffer.concat([bytes, Buffer.from('x')])).kind).toBe('malformed');
  });

  it('with any byte of lengths, digest or payload changed is refused', () => {
    const bytes = encodeAgentMessage(message());
    const held = [0, 1, 2, 3, ...Array.from({ length: 32 }, (_, at) => 80 + at), 116, 117, 118, 119, 120, 121, 122];
    for (const at of held) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      expect(decodeAgentMessage(changed).kind).toBe('malformed');
    }
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeAgentMessage(Buffer.from(bytes))));
  });

  it('may have a longer header, and a type padded with zeros on either side', () => {
    const bytes = encodeAgentMessage(message());
    const longer = Buffer.concat([bytes.subarray(0, 120), Buffer.from('more'), bytes.subarray(120)]);
    longer.writeUInt32BE(120, 0);
    expect(decodeAgentMessage(longer)).toEqual({ kind: 'message', message: message() });
    bytes.fill(0, 4, 36).write('acknowledge', 25);
    expect(decodeAgentMessage(bytes)).toEqual({ kind: 'message', message: message({ type: 'acknowledge' }) });
  });
});
