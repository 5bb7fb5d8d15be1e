import type { ContainerStatus, Pod } from '@slipway/api/types';
import { podPrinter } from './pod-printer.ts';

const nowMs = Date.parse('2025-01-01T00:10:00Z');

function pod(status: Pod['status'], spec: Partial<Pod['spec']> = {}, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', creationTimestamp: '2025-01-01T00:00:00Z', ...metadata },
    spec: { containers: [{ name: 'a' }, { name: 'b' }], ...spec },
    ...(status ? { status } : {}),
  };
}

function container(state: ContainerStatus['state'], rest: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name: 'a', image: 'i', imageID: '', ready: false, restartCount: 0, ...(state ? { state } : {}), ...rest };
}

const running = container({ running: {} }, { ready: true });

/** Ready, status and restarts. */
function shown(object: Pod): string {
  return podPrinter.cells(object, nowMs).slice(1, 4).join(' | ');
}

describe('the row of a pod', () => {
  it.each<[string, Pod, string]>([
    ['just made', pod({ phase: 'Pending' }), '0/2 | Pending | 0'],
    ['without a status', pod(undefined), '0/2 |  | 0'],
    ['running', pod({ phase: 'Running', containerStatuses: [running, running] }), '2/2 | Running | 0'],
    [
      'creating',
      pod({ phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })] }),
      '0/2 | ContainerCreating | 0',
    ],
    [
      'crashing',
      pod({
        phase: 'Running',
        containerStatuses: [
          container(
            { waiting: { reason: 'CrashLoopBackOff' } },
            { restartCount: 2, lastState: { terminated: { exitCode: 1, finishedAt: '2025-01-01T00:05:00Z' } } },
          ),
          running,
        ],
      }),
      '1/2 | CrashLoopBackOff | 2 (5m ago)',
    ],
    [
      'completed',
      pod({ phase: 'Succeeded', containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] }),
      '0/2 | Completed | 0',
    ],
    [
      'half completed and ready',
      pod({
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }), running],
      }),
      '1/2 | Running | 0',
    ],
    [
      'half completed and not ready',
      pod({
        phase: 'Running',
        containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }), running],
      }),
      '1/2 | NotReady | 0',
    ],
    [
      'failed without a reason',
      pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
      '0/2 | ExitCode:3 | 0',
    ],
    [
      'killed',
      pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 137, signal: 9 } })] }),
      '0/2 | Signal:9 | 0',
    ],
    ['evicted', pod({ phase: 'Failed', reason: 'Evicted' }), '0/2 | Evicted | 0'],
    [
      'initializing',
      pod(
        {
          phase: 'Pending',
          initContainerStatuses: [container({ running: {} }, { name: 'init' })],
          containerStatuses: [running],
        },
        { initContainers: [{ name: 'init' }] },
      ),
      '0/2 | Init:0/1 | 0',
    ],
    [
      'failing to initialize',
      pod(
        {
          phase: 'Pending',
          initContainerStatuses: [
            container({ waiting: { reason: 'CrashLoopBackOff' } }, { name: 'init', restartCount: 4 }),
          ],
        },
        { initContainers: [{ name: 'init' }] },
      ),
      '0/2 | Init:CrashLoopBackOff | 4',
    ],
    [
      'with a sidecar',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [
            container({ running: {} }, { name: 'side', started: true, ready: true, restartCount: 1 }),
          ],
          containerStatuses: [running, running],
        },
        { initContainers: [{ name: 'side', restartPolicy: 'Always' }] },
      ),
      '3/3 | Running | 1',
    ],
    [
      'initialized: restarts of init containers are history',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [container({ terminated: { exitCode: 0 } }, { name: 'init', restartCount: 5 })],
          containerStatuses: [running, running],
        },
        { initContainers: [{ name: 'init' }] },
      ),
      '2/2 | Running | 0',
    ],
    [
      'terminating',
      pod(
        { phase: 'Running', containerStatuses: [running, running] },
        {},
        { deletionTimestamp: '2025-01-01T00:09:00Z' },
      ),
      '2/2 | Terminating | 0',
    ],
    [
      'lost',
      pod({ phase: 'Running', reason: 'NodeLost' }, {}, { deletionTimestamp: '2025-01-01T00:09:00Z' }),
      '0/2 | Unknown | 0',
    ],
    [
      'done and deleted',
      pod({ phase: 'Succeeded' }, {}, { deletionTimestamp: '2025-01-01T00:09:00Z' }),
      '0/2 | Succeeded | 0',
    ],
    [
      'gated',
      pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
      '0/2 | SchedulingGated | 0',
    ],
  ])('%s', (_, object, expected) => {
    expect(shown(object)).toBe(expected);
  });

  it('has address, node and gates in wide output', () => {
    const gates = { readinessGates: [{ conditionType: 'x' }, { conditionType: 'y' }] };
    const object = pod(
      { podIPs: [{ ip: '10.64.0.7' }], conditions: [{ type: 'x', status: 'True' }] },
      { nodeName: 'n1', ...gates },
    );
    expect(podPrinter.cells(object, nowMs).slice(4)).toEqual(['10m', '10.64.0.7', 'n1', '<none>', '1/2']);
    expect(podPrinter.conditions?.(pod({ phase: 'Succeeded' }))).toMatchObject([
      { type: 'Completed', reason: 'Succeeded' },
    ]);
  });
});
