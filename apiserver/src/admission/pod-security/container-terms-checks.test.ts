import { containersAnnotation } from '@slipway/api/container-terms';
import { violationsOf } from './evaluate.ts';

const violations = (level: 'baseline' | 'restricted', terms: object) =>
  violationsOf(
    {
      metadata: { annotations: { [containersAnnotation]: JSON.stringify({ c: terms }) } },
      spec: {
        containers: [
          {
            name: 'c',
            securityContext: {
              allowPrivilegeEscalation: false,
              capabilities: { drop: ['ALL'] },
              runAsNonRoot: true,
              seccompProfile: { type: 'RuntimeDefault' },
            },
          },
        ],
      },
    },
    { level, minor: undefined },
  ).map(({ reason, detail }) => `${reason} (${detail})`);

describe('the Pod Security Standards', () => {
  it.each(['baseline', 'restricted'] as const)('of level %s are not got around by the annotation', (level) => {
    expect(violations(level, { devices: [{ hostPath: '/dev/fuse' }] })).toEqual([
      'host devices (container "c" must not ask for "/dev/fuse")',
    ]);
    expect(violations(level, { ulimits: [{ name: 'memlock', soft: -1, hard: -1 }] })).toEqual([
      'raised ulimits (container "c" must not raise "memlock")',
    ]);
    const harmless = { init: true, user: 'app', ulimits: [{ name: 'nofile', soft: 1, hard: 65_536 }], ipc: 'private' };
    expect(violations(level, harmless)).toEqual([]);
  });

  it('know root by its name', () => {
    expect(violations('restricted', { user: 'root:staff' })).toEqual([
      'runAsUser=0 (container "c" must not run as root)',
    ]);
    expect(violations('restricted', { user: '0' })).toHaveLength(1);
    expect(violations('baseline', { user: 'root' })).toEqual([]);
  });
});
