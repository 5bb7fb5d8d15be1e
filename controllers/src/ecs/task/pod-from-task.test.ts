import { containersAnnotation, termsProblems } from '@slipway/api/container-terms';
import type { ContainerDefinition } from '@slipway/api/ecs/generated/types';
import type { TaskDefinition } from '@slipway/api/ecs/kinds';
import { aDefinedContainer, aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { effectiveDefinition } from './effective-definition.ts';
import { notCarried } from './not-carried.ts';
import { podFromTask } from './pod-from-task.ts';

interface Made {
  readonly more?: Partial<TaskDefinition['spec']>;
  readonly others?: readonly ContainerDefinition[];
}

function made(container: Partial<ContainerDefinition>, { more = {}, others = [] }: Made = {}) {
  const definition = aTaskDefinition(more, [aDefinedContainer('web', container), ...others]);
  const effective = effectiveDefinition(definition, aTask());
  const pod = podFromTask(aTask(), effective, { provider: undefined, takenPorts: new Set() });
  const terms = JSON.parse(pod.metadata.annotations?.[containersAnnotation] ?? '{}') as Record<string, object>;
  const [web] = pod.spec.containers;
  return { pod, web, terms: terms.web, spec: pod.spec, ...notCarried(effective, aTask()), effective };
}

describe('a container of a task', () => {
  it('has in the annotation what a pod has no field for, and the server takes it', () => {
    const { pod, terms, web, refusal, losses } = made(
      {
        user: 'app:staff',
        ulimits: [{ name: 'nofile', softLimit: 10, hardLimit: -1 }],
        linuxParameters: {
          initProcessEnabled: true,
          devices: [
            { hostPath: '/dev/fuse', permissions: ['read', 'write'] },
            { hostPath: '/dev/snd', containerPath: '/dev/s' },
          ],
          tmpfs: [
            { containerPath: '/run', size: 2, mountOptions: ['defaults', 'exec', 'mode=1777'] },
            { containerPath: '/plain', size: 1 },
          ],
          maxSwap: 3,
        },
        disableNetworking: true,
        dockerLabels: { 'com.example': 'x' },
        logConfiguration: { logDriver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
        stopTimeout: 7,
      },
      { more: { ipcMode: 'none' } },
    );
    expect(terms).toEqual({
      essential: true,
      stopTimeoutSeconds: 7,
      user: 'app:staff',
      init: true,
      ulimits: [{ name: 'nofile', soft: 10, hard: -1 }],
      devices: [
        { hostPath: '/dev/fuse', permissions: 'rw' },
        { hostPath: '/dev/snd', containerPath: '/dev/s' },
      ],
      tmpfs: [{ path: '/run', sizeBytes: 2 << 20, options: ['exec', 'mode=1777'] }],
      network: 'none',
      ipc: 'private',
      swapLimitBytes: 3 << 20,
      log: { maxSizeBytes: 10 << 20, maxFiles: 3 },
      labels: { 'com.example': 'x' },
    });
    expect(termsProblems(pod.metadata.annotations, pod.spec)).toEqual([]);
    expect(web?.securityContext).toEqual({});
    expect(web?.volumeMounts).toEqual([expect.objectContaining({ mountPath: '/plain' })]);
    expect({ refusal, losses }).toEqual({ refusal: undefined, losses: [] });
  });

  it('has numbers of users and security options in the pod itself', () => {
    const { web, terms } = made({ user: '5:6', dockerSecurityOptions: ['no-new-privileges', 'seccomp:unconfined'] });
    expect(web?.securityContext).toEqual({
      runAsUser: 5,
      runAsGroup: 6,
      allowPrivilegeEscalation: false,
      seccompProfile: { type: 'Unconfined' },
    });
    expect(terms).not.toHaveProperty('user');
  });

  it.each([
    ['db', 'db', 'value'],
    ['db:password', 'db', 'password'],
    ['db/password', 'db', 'password'],
    ['/shop/prod/db/password', 'shop.prod.db', 'password'],
    ['arn:aws:ssm:eu-central-1:1:parameter/db/password', 'db', 'password'],
    ['arn:aws:secretsmanager:eu-central-1:1:secret:db', 'db', 'value'],
    ['arn:aws:secretsmanager:eu-central-1:1:secret:db-Ab3dEf:password::', 'db', 'password'],
    ['arn:aws:secretsmanager:eu-central-1:1:secret:shop/db:password:AWSCURRENT:', 'shop.db', 'password'],
  ])('has the secret %s', (valueFrom, name, key) => {
    const { web, refusal } = made({ secrets: [{ name: 'PW', valueFrom }] });
    expect(refusal).toBeUndefined();
    expect(web?.env).toContainEqual({ name: 'PW', valueFrom: { secretKeyRef: { name, key } } });
  });

  it('finds others by link and alias, and leaves out what is no name', () => {
    const links = ['db:database', 'db:Not_A_Name'];
    const { spec, losses } = made({ links }, { others: [aDefinedContainer('db')] });
    expect(spec.hostAliases).toEqual([{ ip: '127.0.0.1', hostnames: ['db', 'database'] }]);
    expect(losses).toEqual(['web.extraHosts, links: no host names: Not_A_Name']);
  });

  it.each([
    [
      { dockerSecurityOptions: ['apparmor:strict'] },
      /^web: dockerSecurityOptions: apparmor:strict: profiles of AppArmor/,
    ],
    [{ dockerSecurityOptions: ['no-new-privileges:true'], privileged: true }, /exclude each other/],
    [
      { secrets: [{ name: 'A', valueFrom: 'DB_PASS' }] },
      /^web: secrets.A: DB_PASS cannot be had: it would be the key "value"/,
    ],
    [
      { secrets: [{ name: 'A', valueFrom: 'arn:aws:secretsmanager:r:1:secret:db:k:AWSPREVIOUS:' }] },
      /Secrets have no versions/,
    ],
    [{ secrets: [{ name: 'A', valueFrom: 'arn:aws:s3:::bucket' }] }, /neither a secret of Secrets Manager nor/],
    [
      { linuxParameters: { devices: [{ hostPath: '/etc/passwd' }] } },
      /^web.devices\[0\].hostPath: must be a path below/,
    ],
    [{ user: 'a b' }, /^web.user: must be USER/],
    [{ logConfiguration: { logDriver: 'json-file', options: { 'max-size': 'huge' } } }, /max-size: huge is no size/],
    [{ logConfiguration: { logDriver: 'gelf' } }, /the log driver gelf is not served, only json-file/],
    [{ environmentFiles: [{ type: 's3', value: 'x' }] }, /environmentFiles are read from S3/],
    [{ dnsServers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] }, /at most 3/],
    [
      { repositoryCredentials: { credentialsParameter: 'Not_One' } },
      /repositoryCredentials.credentialsParameter: Not_One/,
    ],
  ] as const)('is not started with %j', (container, text) => {
    expect(made(container as Partial<ContainerDefinition>).refusal).toMatch(text);
  });

  it('says which options have no effect', () => {
    const { losses } = made({
      linuxParameters: { tmpfs: [{ containerPath: '/t', size: 1, mountOptions: ['rshared'] }], swappiness: 5 },
      logConfiguration: { logDriver: 'json-file', options: { tag: 'x', 'max-size': '-1' } },
      versionConsistency: 'enabled',
      hostname: 'Under_Score',
    });
    expect(losses).toEqual([
      'web.linuxParameters.swappiness: the kernel has none for single containers',
      'web.versionConsistency: name the image by its digest',
      'web.hostname: Under_Score is no DNS label',
      'web.linuxParameters.tmpfs.mountOptions.rshared: is no option of a tmpfs of its own',
      "web.logConfiguration.options.tag: the node's log has no such option",
      'web.logConfiguration.options.max-size: a file has at most 1073741824 bytes',
    ]);
  });
});

describe('a task', () => {
  it('has its own size, beside that of its containers', () => {
    const { spec, web } = made({ cpu: 128, memory: 64 }, { more: { cpu: '512', memory: '256' } });
    const size = { cpu: '500m', memory: '256Mi' };
    expect(spec.resources).toEqual({ requests: size, limits: size });
    expect(web?.resources).toEqual({ requests: { cpu: '125m', memory: '64Mi' }, limits: { memory: '64Mi' } });
    expect(made({}).spec.resources).toBeUndefined();
  });

  it.each([
    [{ host: { sourcePath: '/var/run/docker.sock' } }, { hostPath: { path: '/var/run/docker.sock' } }],
    [{ host: {} }, { emptyDir: {} }],
    [{ dockerVolumeConfiguration: { scope: 'task' } }, { emptyDir: {} }],
    [
      { dockerVolumeConfiguration: { scope: 'shared', autoprovision: true } },
      { hostPath: { path: '/var/lib/slipway-volumes/v', type: 'DirectoryOrCreate' } },
    ],
    [
      { dockerVolumeConfiguration: { scope: 'shared' } },
      { hostPath: { path: '/var/lib/slipway-volumes/v', type: 'Directory' } },
    ],
    [
      { dockerVolumeConfiguration: { driverOpts: { type: 'none', device: '/srv', o: 'bind' } } },
      { hostPath: { path: '/srv', type: 'Directory' } },
    ],
    [
      { dockerVolumeConfiguration: { driverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=2m' } } },
      { emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } },
    ],
  ] as const)('has the volume %j', (volume, expected) => {
    const { spec } = made({}, { more: { volumes: [{ name: 'v', ...volume }] } });
    expect(spec.volumes).toEqual([{ name: 'volume-0', ...expected }]);
  });

  it.each([
    [
      { driverOpts: { type: 'nfs', device: ':/x', o: 'addr=1.2.3.4' } },
      /driverOpts: type=nfs,o=addr=1.2.3.4 is not served/,
    ],
    [{ driver: 'rexray/ebs' }, /driver rexray\/ebs is not served/],
  ])('is not started with the volume %j', (docker, text) => {
    const volumes = [{ name: 'v', dockerVolumeConfiguration: docker }];
    expect(made({}, { more: { volumes } }).refusal).toMatch(text);
  });

  it('hands volumes from one container to another', () => {
    const { web } = made(
      { volumesFrom: [{ sourceContainer: 'db', readOnly: true }] },
      {
        more: { volumes: [{ name: 'v' }] },
        others: [aDefinedContainer('db', { mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }] })],
      },
    );
    expect(web?.volumeMounts).toEqual([{ name: 'volume-0', mountPath: '/v', readOnly: true }]);
  });

  it('is the service account of its role; without one nobody', () => {
    expect(made({}, { more: { taskRoleArn: 'arn:aws:iam::1:role/path/Reader' } }).spec.serviceAccountName).toBe(
      'reader',
    );
    expect(made({}).spec.automountServiceAccountToken).toBe(false);
  });
});
