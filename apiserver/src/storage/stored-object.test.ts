import type { KubeObject } from '@slipway/api/types';
import { deletedFrom, encodeObject, isUnchanged, storedFrom } from './stored-object.ts';

const pod = (extra: object = {}): KubeObject =>
  ({
    spec: { note: '"metadata":{' },
    metadata: { name: 'a', resourceVersion: '7', labels: { x: 'ü' }, ...extra },
    apiVersion: 'v1',
    kind: 'Pod "metadata":{',
  }) as KubeObject;

const entry = (value: Uint8Array, modRevision = 12n) => ({
  key: '/registry/core/pods/default/a',
  createRevision: 3n,
  modRevision,
  value,
  cause: '{"user":"me"}',
});

describe('stored objects', () => {
  it('are encoded without a resourceVersion and served with the one of the write', () => {
    const value = encodeObject(pod());
    expect(value.toString()).toMatch(/^\{"kind":"Pod [^,]*,"apiVersion":"v1","metadata":\{"name":"a"/);
    const stored = storedFrom(entry(value));
    expect(stored.object).toEqual({ ...pod(), metadata: { ...pod().metadata, resourceVersion: '12' } });
    expect(JSON.parse(stored.bytes.toString())).toEqual(stored.object);
    expect(stored.cause).toEqual({ user: 'me' });
  });

  it('keep what was written, so that nobody parses it, and it equals what a reader parses', () => {
    const object = pod();
    const written = storedFrom(entry(encodeObject(object)), object);
    const read = storedFrom(entry(encodeObject(object)));
    expect(written.object).toEqual(read.object);
    expect(Object.isFrozen(written.object)).toBe(true);
    expect(written.bytes).toEqual(read.bytes);
  });

  it('are frozen through and through', () => {
    const { object } = storedFrom(entry(encodeObject(pod({ finalizers: ['x', 'y'] }))));
    expect(() => object.metadata.finalizers?.push('z')).toThrow(TypeError);
    expect(() => Object.assign(object.metadata.labels ?? {}, { y: 'z' })).toThrow(TypeError);
  });

  it('take an object with empty metadata', () => {
    const bare = { kind: 'X', apiVersion: 'v1', metadata: {} } as KubeObject;
    const stored = storedFrom(entry(encodeObject(bare)));
    expect(stored.bytes.toString()).toBe('{"kind":"X","apiVersion":"v1","metadata":{"resourceVersion":"12"}}');
    expect(deletedFrom(stored, 20n, undefined).bytes.toString()).toContain('{"resourceVersion":"20"}');
    expect(isUnchanged(stored, encodeObject(bare))).toBe(true);
  });

  it('know whether a write would change them', () => {
    const stored = storedFrom(entry(encodeObject(pod())));
    expect(isUnchanged(stored, encodeObject(stored.object))).toBe(true);
    expect(isUnchanged(stored, encodeObject(pod({ name: 'b' })))).toBe(false);
  });

  it('carry revision and cause of their deletion in their last state', () => {
    const last = deletedFrom(storedFrom(entry(encodeObject(pod()))), 99n, '{"verb":"delete"}');
    expect(last.object.metadata).toEqual({ ...pod().metadata, resourceVersion: '99' });
    expect(last).toMatchObject({ modRevision: 99n, createRevision: 3n, cause: { verb: 'delete' } });
    expect(JSON.parse(last.bytes.toString())).toEqual(last.object);
  });

  it('refuse what is not an object of this server', () => {
    expect(() => storedFrom(entry(Buffer.from('k8s\0protobuf')))).toThrow(/not an object in this server's encoding/);
    expect(() => storedFrom(entry(Buffer.from('{"metadata":{')), undefined).object).toThrow(/not JSON/);
  });
});
