import type { Deployment, ReplicaSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { imageOf, imagePatch, isReady, missingImage, templateOf, WorkloadWorld } from './workload-world.ts';

const { deployments, replicaSets } = kinds;

describe('deployments on the real server', () => {
  let world: WorkloadWorld;

  beforeAll(async () => {
    world = await WorkloadWorld.start(['n0', 'n1']);
  });

  afterAll(() => world.stop());

  const deploymentOf = (namespace: string, more: Partial<Deployment['spec']> = {}): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'web', labels: { team: 'a' } },
    spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: templateOf('web'), ...more },
  });
  const conditionOf = (deployment: Deployment | undefined, type: string) =>
    deployment?.status?.conditions?.find((condition) => condition.type === type);

  async function aDeployment(more: Partial<Deployment['spec']> = {}) {
    const namespace = await world.namespace();
    const ref = { namespace, name: 'web' };
    await world.create(deployments, deploymentOf(namespace, more));
    const rolledOut = (image: string, count = 3) =>
      world.untilPods(
        namespace,
        (found) => found.length === count && found.every((pod) => isReady(pod) && imageOf(pod) === image),
      );
    const update = (image: string) => world.patch(deployments, ref, imagePatch(image), { type: 'strategic' });
    const untilCondition = (type: string, reason: string) =>
      world.until(deployments, ref, (found) => conditionOf(found, type)?.reason === reason);
    const sets = () => world.plane.manager.caches.inNamespace(replicaSets, namespace);
    return { namespace, ref, rolledOut, update, untilCondition, sets };
  }

  it('takes a replica set over that is already there, and rolls from it to its own template', async () => {
    const namespace = await world.namespace();
    const labels = { app: 'web', from: 'before' };
    const former: ReplicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { namespace, name: 'former', labels, annotations: { 'deployment.kubernetes.io/revision': '7' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { ...templateOf('web', 'web:0'), metadata: { labels } },
      },
    };
    await world.create(replicaSets, former);
    await world.untilPods(namespace, (found) => found.length === 1 && found.every(isReady));
    await world.create(deployments, deploymentOf(namespace, { replicas: 1 }));
    await world.untilPods(namespace, (found) => found.length === 1 && found.every((pod) => imageOf(pod) === 'web:1'));
    const adopted = await world.get(replicaSets, { namespace, name: 'former' });
    expect(adopted.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Deployment', name: 'web' });
    const deployment = await world.get(deployments, { namespace, name: 'web' });
    expect(deployment.metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '8' });
  });

  it('keeps no former replica sets when none are to be kept', async () => {
    const { rolledOut, update, sets, namespace } = await aDeployment({ revisionHistoryLimit: 0 });
    await rolledOut('web:1');
    await update('web:2');
    await rolledOut('web:2');
    await world.until(deployments, { namespace, name: 'web' }, () => sets().length === 1);
  });

  it('gives up a rollout that cannot work for the next, within what it promised', async () => {
    const { namespace, rolledOut, update } = await aDeployment();
    await rolledOut('web:1');
    const counts: { ready: number; all: number }[] = [];
    const stop = world.plane.manager.caches.of(kinds.pods).subscribe(() => {
      const found = world.pods(namespace);
      counts.push({ ready: found.filter(isReady).length, all: found.length });
    });
    await update(missingImage);
    await world.untilPods(namespace, (found) => found.some((pod) => imageOf(pod) === missingImage));
    await update('web:3');
    await rolledOut('web:3');
    stop();
    expect(Math.min(...counts.map(({ ready }) => ready))).toBe(3);
    expect(Math.max(...counts.map(({ all }) => all))).toBe(4);
  });

  it('says when it is late, and that it has arrived when it is put right', async () => {
    const { namespace, rolledOut, update, untilCondition } = await aDeployment({ progressDeadlineSeconds: 1 });
    await rolledOut('web:1');
    await update(missingImage);
    const late = await untilCondition('Progressing', 'ProgressDeadlineExceeded');
    expect(conditionOf(late, 'Progressing')).toMatchObject({
      status: 'False',
      message: expect.stringMatching(/^ReplicaSet "web-\w+" has timed out progressing\.$/),
    });
    await update('web:1');
    await world.untilPods(namespace, (found) => found.length === 3);
    await untilCondition('Progressing', 'NewReplicaSetAvailable');
  });

  it('rests while it is paused, and goes on when it is resumed', async () => {
    const { ref, rolledOut, update, untilCondition } = await aDeployment({ replicas: 2 });
    await rolledOut('web:1', 2);
    await world.patch(deployments, ref, { spec: { paused: true } });
    await untilCondition('Progressing', 'DeploymentPaused');
    await update('web:2');
    await world.patch(deployments, ref, { spec: { replicas: 1 } }, { subresource: 'scale' });
    await rolledOut('web:1', 1);
    await world.patch(deployments, ref, { spec: { paused: null } });
    await rolledOut('web:2', 1);
  });

  it('lives: listed, patched, scaled, its status written and counted anew, and gone with others of its labels', async () => {
    const { client, signal } = world.plane;
    const { namespace, ref, rolledOut } = await aDeployment({ replicas: 1 });
    await rolledOut('web:1', 1);
    await world.until(deployments, ref, (found) => found?.status?.availableReplicas === 1);
    expect(await world.scaleOf(deployments, ref)).toMatchObject({
      spec: { replicas: 1 },
      status: { replicas: 1, selector: 'app=web' },
    });
    await world.patch(deployments, ref, { spec: { replicas: 2 } }, { subresource: 'scale' });
    await rolledOut('web:1', 2);
    await world.patch(
      deployments,
      ref,
      { status: { readyReplicas: 0, availableReplicas: 0 } },
      { subresource: 'status' },
    );
    await world.until(deployments, ref, (found) => found?.status?.readyReplicas === 2);
    const { items } = await client.list(deployments, { namespace, labelSelector: 'team=a', signal });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['web']);
    await client.deleteCollection(deployments, { namespace, labelSelector: 'team=a', signal });
    await world.untilPods(namespace, (found) => found.length === 0);
  });

  it('shows what keeps its pods from being made: a template that no server takes', async () => {
    const template = templateOf('web');
    const spec = { ...template.spec, containers: template.spec?.containers ?? [], serviceAccountName: 'nobody' };
    const { namespace, untilCondition } = await aDeployment({ template: { ...template, spec } });
    const failed = await untilCondition('ReplicaFailure', 'FailedCreate');
    expect(conditionOf(failed, 'ReplicaFailure')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('serviceaccount "nobody" not found'),
    });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: 'nobody' } };
    await world.create(kinds.serviceAccounts, account);
    await world.untilPods(namespace, (found) => found.length === 3 && found.every(isReady));
    await world.until(deployments, { namespace, name: 'web' }, (found) => !conditionOf(found, 'ReplicaFailure'));
  });
});
