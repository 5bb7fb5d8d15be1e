import { shortVersion } from './oci-runtime.ts';

describe('shortVersion', () => {
  it.each([
    ['/usr/sbin/runc', 'runc version 1.1.5+ds1', 'runc-1.1.5+ds1'],
    ['/usr/bin/crun', 'crun version 1.8.1', 'crun-1.8.1'],
    ['/opt/own', '', 'own'],
  ])('of %s that prints %j is %s', (path, version, short) => {
    expect(shortVersion({ path, version })).toBe(short);
  });
});
