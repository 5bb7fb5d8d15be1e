import { decodeProtobuf, ProtobufError } from './envelope.ts';

const text = (value: string) => [...new TextEncoder().encode(value)];
const field = (number: number, wireType: number) => number * 8 + wireType;
const bytes = (number: number, value: readonly number[]) => [field(number, 2), value.length, ...value];
const string = (number: number, value: string) => bytes(number, text(value));
const integer = (number: number, value: number) => [field(number, 0), value];

function body(apiVersion: string, kind: string, raw: readonly number[]): Uint8Array {
  const typeMeta = [...string(1, apiVersion), ...string(2, kind)];
  return Uint8Array.from([0x6b, 0x38, 0x73, 0x00, ...bytes(1, typeMeta), ...bytes(2, raw)]);
}

describe('decodeProtobuf', () => {
  it('reads metadata, maps and bytes', () => {
    const metadata = [...string(1, 'a'), ...bytes(11, [...string(1, 'app'), ...string(2, 'web')])];
    const data = [...string(1, 'k'), ...string(2, 'v')];
    expect(decodeProtobuf(body('v1', 'Secret', [...bytes(1, metadata), ...bytes(2, data)]))).toEqual({
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: 'a', labels: { app: 'web' } },
      data: { k: 'dg==' },
    });
  });

  it('flattens embedded structs, and keeps zeroes only where Go has a pointer', () => {
    // PodSpec: volumes 1, containers 2, terminationGracePeriodSeconds 4; Volume: name 1, volumeSource 2; emptyDir 2 of the source
    const volume = [...string(1, 'scratch'), ...bytes(2, bytes(2, []))];
    const port = [...integer(2, 0), ...integer(3, 80)]; // hostPort 0, containerPort 80
    const container = [...string(1, 'c'), ...string(2, ''), ...bytes(6, port)];
    const spec = [...bytes(1, volume), ...bytes(2, container), ...integer(4, 0)];
    expect(decodeProtobuf(body('v1', 'Pod', bytes(2, spec)))).toMatchObject({
      spec: {
        volumes: [{ name: 'scratch', emptyDir: {} }],
        containers: [{ name: 'c', ports: [{ containerPort: 80 }] }],
        terminationGracePeriodSeconds: 0,
      },
    });
  });

  it('reads times, and takes an empty one for none', () => {
    const metadata = [...string(1, 'a'), ...bytes(8, [])]; // creationTimestamp
    expect(decodeProtobuf(body('v1', 'ConfigMap', bytes(1, metadata)))).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'a' },
    });
  });

  it('refuses what is no protobuf object', () => {
    expect(() => decodeProtobuf(Uint8Array.from([1, 2, 3]))).toThrow(ProtobufError);
    expect(() => decodeProtobuf(body('v1', 'Nothing', []))).toThrow('no kind "Nothing" is registered for version "v1"');
    expect(() => decodeProtobuf(body('v1', 'ConfigMap', [field(1, 2), 200]))).toThrow(ProtobufError);
  });
});
