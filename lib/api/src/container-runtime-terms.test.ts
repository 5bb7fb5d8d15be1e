import { raisedUlimits, runtimeTermsProblems } from './container-runtime-terms.ts';

const problems = (terms: Record<string, unknown>) =>
  runtimeTermsProblems(terms, 'web').map(({ at, detail }) => `${at}: ${detail}`);

describe('terms of how a container is run', () => {
  it('take what there is', () => {
    const terms = {
      user: 'app:staff',
      init: true,
      ulimits: [
        { name: 'nofile', soft: 1024, hard: 4096 },
        { name: 'core', soft: 0, hard: -1 },
      ],
      devices: [{ hostPath: '/dev/fuse', containerPath: '/dev/f', permissions: 'rw' }, { hostPath: '/dev/snd' }],
      tmpfs: [{ path: '/run', sizeBytes: 1 << 20, options: ['exec', 'mode=1777', 'uid=5'] }],
      network: 'none',
      ipc: 'private',
      swapLimitBytes: 0,
      log: { maxSizeBytes: 1 << 20, maxFiles: 3 },
      labels: { 'com.example.team': 'shop' },
    };
    expect(problems(terms)).toEqual([]);
  });

  it.each([
    [{ user: 'a b' }, /^web.user: must be USER or USER:GROUP/],
    [{ user: 'a:b:c' }, /^web.user: /],
    [{ init: 1 }, /^web.init: must be true or false/],
    [{ ulimits: [{ name: 'files', soft: 1, hard: 1 }] }, /^web.ulimits\[0\].name: must be one of core, cpu/],
    [{ ulimits: [{ name: 'core', soft: 2, hard: 1 }] }, /^web.ulimits\[0\].soft: must not be above hard, 1/],
    [{ ulimits: [{ name: 'core', soft: -1, hard: 1 }] }, /^web.ulimits\[0\].soft: must not be above hard, 1/],
    [{ ulimits: [{ name: 'core', soft: 1 }] }, /^web.ulimits\[0\].hard: is required/],
    [{ ulimits: [1, 2].map((n) => ({ name: 'core', soft: n, hard: n })) }, /^web.ulimits: is there twice/],
    [{ devices: [{ hostPath: '/etc/shadow' }] }, /^web.devices\[0\].hostPath: must be a path below \/dev\//],
    [{ devices: [{ hostPath: '/dev/../etc' }] }, /^web.devices\[0\].hostPath: /],
    [{ devices: [{ hostPath: '/dev/fuse', permissions: 'rr' }] }, /permissions: must be some of r, w and m/],
    [{ devices: [{ hostPath: '/dev/fuse', mode: 1 }] }, /mode: is not known here; there are hostPath/],
    [{ tmpfs: [{ path: 'run', sizeBytes: 1 }] }, /^web.tmpfs\[0\].path: must be an absolute path/],
    [{ tmpfs: [{ path: '/run', sizeBytes: 1, options: ['bind'] }] }, /options\[0\]: must be an option of a tmpfs/],
    [{ tmpfs: [{ path: '/run', sizeBytes: 1, options: ['size=1,bind'] }] }, /options\[0\]: /],
    [{ network: 'host' }, /^web.network: must be none/],
    [{ ipc: 'host' }, /^web.ipc: must be private/],
    [{ swapLimitBytes: -1 }, /^web.swapLimitBytes: must be a whole number from 0/],
    [{ log: { maxFiles: 0 } }, /^web.log.maxFiles: must be a whole number from 1 to 100/],
    [{ labels: { a: 1 } }, /^web.labels.a: must be a text/],
  ])('refuse %j', (terms, text) => {
    expect(problems(terms)).toEqual([expect.stringMatching(text)]);
  });

  it('tell limits that are everybody’s from those that are a privilege', () => {
    const of = (name: 'nofile' | 'memlock' | 'rtprio' | 'nproc', hard: number) =>
      raisedUlimits([{ name, soft: 0, hard }]);
    expect(of('nofile', 65_536)).toEqual([]);
    expect(of('nproc', -1)).toEqual([]);
    expect(of('nofile', -1)).toEqual(['nofile']);
    expect(of('memlock', -1)).toEqual(['memlock']);
    expect(of('rtprio', 1)).toEqual(['rtprio']);
  });
});
