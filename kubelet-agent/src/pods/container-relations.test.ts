import { containersAnnotation, type PodTerms } from '@slipway/api/container-terms';
import type { Container, Pod } from '@slipway/api/types';
import { appContainersOf, restartsAfter } from './pod-containers.ts';
import { aContainer, aPod } from './testing/a-pod.ts';
import { type ExitScript, PodModel } from './testing/pod-model.ts';

const forever: ExitScript = () => undefined;

function podWith(terms: PodTerms, containers: readonly Container[], restartPolicy = 'Never'): Pod {
  return aPod({
    metadata: { annotations: { [containersAnnotation]: JSON.stringify(terms) } },
    spec: { restartPolicy, containers: [...containers] },
  });
}

const dependsOn = (
  container: string,
  condition: 'started' | 'healthy' | 'completed' | 'succeeded',
  timeoutSeconds?: number,
) => ({
  dependsOn: [{ container, condition, ...(timeoutSeconds ? { timeoutSeconds } : {}) }],
});
const both = [aContainer('web'), aContainer('db')];

describe('containers that depend on others', () => {
  it('start when those have started', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'started') }, both), forever);
    model.settle();
    expect(model.started).toEqual(['db#0', 'web#0']);
    expect(model.pod.status?.phase).toBe('Running');
  });

  it('wait until those are healthy, and say so', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'healthy') }, both), forever);
    model.unready.add('db');
    model.settle();
    expect(model.started).toEqual(['db#0']);
    const web = model.pod.status?.containerStatuses?.find(({ name }) => name === 'web');
    expect(web?.state?.waiting).toEqual({ reason: 'WaitingForDependency', message: 'waits for db to become healthy' });
    expect(model.pod.status?.phase).toBe('Pending');
    model.unready.clear();
    model.settle();
    expect(model.started).toEqual(['db#0', 'web#0']);
  });

  it.each([
    [0, ['db#0', 'web#0'], 'Succeeded'],
    [3, ['db#0'], 'Failed'],
  ])('start after success alone: exit code %d', (exitCode, started, phase) => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'succeeded') }, both), (name) =>
      name === 'db' ? exitCode : 0,
    );
    model.settle();
    expect(model.started).toEqual(started);
    expect(model.pod.status?.phase).toBe(phase);
  });

  it('that can never start end the pod, which says why', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'succeeded') }, both), () => 3);
    model.settle();
    expect(model.pod.status).toMatchObject({
      phase: 'Failed',
      reason: 'DependencyFailed',
      message: 'web cannot start: db exited with 3, and was to succeed',
    });
  });

  it('that can never start end the pod, though essential ones end with it', () => {
    const terms: PodTerms = {
      web: {
        essential: true,
        dependsOn: [
          { container: 'db', condition: 'healthy' },
          { container: 'migrate', condition: 'succeeded' },
        ],
      },
      migrate: {},
      db: { essential: true },
    };
    const model = new PodModel(podWith(terms, [...both, aContainer('migrate')]), forever);
    model.settle();
    model.exit(model.containers.find(({ name }) => name === 'migrate')?.id ?? '', 7);
    model.nowMs += 1;
    model.settle();
    expect(model.stopped).toEqual(['db']);
    expect(model.pod.status).toMatchObject({
      phase: 'Failed',
      reason: 'DependencyFailed',
      message: 'web cannot start: migrate exited with 7, and was to succeed',
    });
  });

  it('start after the end of those, whatever the end', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'completed') }, both), (name) => (name === 'db' ? 3 : 0));
    model.settle();
    expect(model.started).toEqual(['db#0', 'web#0']);
  });

  it('give up when the time is over', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'healthy', 60) }, both), forever);
    model.unready.add('db');
    model.settle();
    expect(model.stopped).toEqual(['db']);
    expect(model.pod.status).toMatchObject({
      phase: 'Failed',
      reason: 'DependencyFailed',
      message: 'web cannot start: db did not become healthy within 60 s',
    });
  });

  it('are the cause also where those are essential and were stopped for it', () => {
    const terms = { web: { ...dependsOn('db', 'healthy', 60), essential: true }, db: { essential: true } };
    const model = new PodModel(podWith(terms, both), forever);
    model.unready.add('db');
    model.settle();
    expect(model.stopped).toEqual(['db']);
    expect(model.pod.status).toMatchObject({ phase: 'Failed', reason: 'DependencyFailed' });
  });

  it('end before those', () => {
    const terms = { web: dependsOn('app', 'started'), app: dependsOn('db', 'started') };
    const model = new PodModel(podWith(terms, [...both, aContainer('app')]), forever);
    model.settle();
    expect(model.started).toEqual(['db#0', 'app#0', 'web#0']);
    model.delete(30);
    model.settle();
    expect(model.stopped).toEqual(['web', 'app', 'db']);
    expect(model.violations).toEqual([]);
  });

  it('do so also after the agent was restarted', () => {
    const model = new PodModel(podWith({ web: dependsOn('db', 'succeeded') }, both), (name) =>
      name === 'db' ? 0 : undefined,
    );
    model.settle();
    model.restartAgent();
    model.settle();
    expect(model.started).toEqual(['db#0', 'web#0']);
  });
});

describe('a container that ended before it began by the clocks of the runtime', () => {
  it('is started again like every other', () => {
    const container = { exitCode: 7, ranMs: -3 };
    const [app] = appContainersOf(aPod());
    expect(app && restartsAfter(aPod(), app, container)).toBe(true);
  });
});

describe('an essential container', () => {
  it.each([
    [0, 'Succeeded'],
    [2, 'Failed'],
  ])('ends the pod with it: exit code %d', (exitCode, phase) => {
    const model = new PodModel(podWith({ web: { essential: true } }, both), (name) =>
      name === 'web' ? exitCode : undefined,
    );
    model.settle();
    expect(model.stopped).toEqual(['db']);
    expect(model.pod.status?.phase).toBe(phase);
  });

  it('does not when it is started again', () => {
    const containers = [aContainer('web', { restartPolicy: 'OnFailure' }), aContainer('db')];
    const model = new PodModel(podWith({ web: { essential: true } }, containers), (name, attempt) =>
      name === 'web' && attempt < 2 ? 1 : undefined,
    );
    model.settle();
    expect(model.started).toEqual(['web#0', 'db#0', 'web#1', 'web#2']);
    expect(model.pod.status?.phase).toBe('Running');
  });

  it('is not started again when it ran too short for that', () => {
    const containers = [aContainer('web', { restartPolicy: 'Always' }), aContainer('db')];
    const model = new PodModel(podWith({ web: { essential: true, restartMinRunSeconds: 60 } }, containers), (name) =>
      name === 'web' ? 1 : undefined,
    );
    model.settle();
    expect(model.started).toEqual(['web#0', 'db#0']);
    expect(model.pod.status?.phase).toBe('Failed');
  });

  it('among others that are not: their end changes nothing', () => {
    const model = new PodModel(podWith({ web: { essential: true } }, both), (name) => (name === 'db' ? 1 : undefined));
    model.settle();
    expect(model.pod.status?.phase).toBe('Running');
    expect(model.stopped).toEqual([]);
  });
});
