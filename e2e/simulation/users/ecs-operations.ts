/** What users do with services of ECS. */
import type { Service, ServiceDeployment, ServiceSpec, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Temperament } from '../parts/fate.ts';
import { deploymentConfiguration, ecsService, taskDefinition } from './ecs-manifests.ts';
import type { Operation } from './operations.ts';
import type { User } from './user.ts';

const family = 'app';

export const ecsOperations: readonly Operation[] = [
  { name: 'register task definition', weight: 4, run: async (u) => void (await register(u)) },
  { name: 'create ecs service', weight: 12, run: createService },
  { name: 'roll out', weight: 14, run: rollOut },
  { name: 'force new deployment', weight: 4, run: forceDeployment },
  { name: 'scale ecs service', weight: 10, run: scaleService },
  { name: 'change percents', weight: 3, run: changePercents },
  { name: 'stop deployment', weight: 3, run: stopDeployment },
  { name: 'stop task', weight: 5, run: stopTask },
  { name: 'protect task', weight: 4, run: protectTask },
  { name: 'delete task', weight: 1, run: deleteTask },
  { name: 'delete ecs service', weight: 2, run: deleteService },
  { name: 'remove ecs service', weight: 1, run: removeService },
];

/** Answers `FAMILY:REVISION`. */
async function register(user: User, temperament?: Temperament): Promise<string> {
  const { chance } = user;
  const chosen =
    temperament ??
    chance.weighted<Temperament>([
      { weight: 6, value: 'steady' },
      { weight: 2, value: 'flaky' },
      { weight: 2, value: 'sick' },
      { weight: 3, value: 'broken' },
    ]) ??
    'steady';
  const revision = user.next();
  await user.create(kinds.ecsTaskDefinitions, taskDefinition(family, revision, chosen, chance));
  return `${family}:${revision}`;
}

async function createService(user: User): Promise<void> {
  const reference = await register(user, user.chance.strikes(0.7) ? 'steady' : undefined);
  await user.create(kinds.ecsServices, ecsService(user.place('e'), reference, user.chance));
}

async function anyService(user: User, suits: (service: Service) => boolean = () => true): Promise<Service | undefined> {
  return user.any(
    kinds.ecsServices,
    (service) => service.spec.desiredStatus !== 'INACTIVE' && !service.metadata.deletionTimestamp && suits(service),
  );
}

async function set(user: User, service: Service | undefined, spec: Partial<ServiceSpec>): Promise<void> {
  if (service) await user.patch(kinds.ecsServices, service, { spec });
}

async function rollOut(user: User): Promise<void> {
  const service = await anyService(user);
  const known = await user.any<TaskDefinition>(kinds.ecsTaskDefinitions);
  const isOld = known !== undefined && user.chance.strikes(0.3);
  const taskDefinition = isOld ? `${known.spec.family}:${known.spec.revision}` : await register(user);
  await set(user, service, { taskDefinition });
}

async function forceDeployment(user: User): Promise<void> {
  const service = await anyService(user);
  await set(user, service, { forceNewDeployment: (service?.spec.forceNewDeployment ?? 0) + 1 });
}

async function scaleService(user: User): Promise<void> {
  const isReplica = ({ spec }: Service) => spec.schedulingStrategy !== 'DAEMON';
  await set(user, await anyService(user, isReplica), { desiredCount: user.chance.between(0, 7) });
}

async function changePercents(user: User): Promise<void> {
  const isReplica = ({ spec }: Service) => spec.schedulingStrategy !== 'DAEMON';
  const service = await anyService(user, isReplica);
  await set(user, service, { deploymentConfiguration: deploymentConfiguration(user.chance) });
}

async function stopDeployment(user: User): Promise<void> {
  const found = await user.any<ServiceDeployment>(
    kinds.ecsServiceDeployments,
    ({ status }) => status?.status === 'IN_PROGRESS',
  );
  if (found) await user.patch(kinds.ecsServiceDeployments, found, { spec: { stopType: 'ROLLBACK' } });
}

const isUp = ({ spec, metadata }: Task) => spec.desiredStatus !== 'STOPPED' && !metadata.deletionTimestamp;

async function stopTask(user: User): Promise<void> {
  const task = await user.any<Task>(kinds.ecsTasks, isUp);
  const spec = { desiredStatus: 'STOPPED', stopCode: 'UserInitiated', stoppedReason: 'enough' };
  if (task) await user.patch(kinds.ecsTasks, task, { spec });
}

async function protectTask(user: User): Promise<void> {
  const task = await user.any<Task>(kinds.ecsTasks, isUp);
  const expirationDate = formatTime(user.process.clock.nowMs() + (user.chance.pick([5_000, 60_000, 600_000]) ?? 0));
  const protection = user.chance.strikes(0.8) ? { expirationDate } : null;
  if (task) await user.patch(kinds.ecsTasks, task, { spec: { protection } });
}

async function deleteTask(user: User): Promise<void> {
  const task = await user.any<Task>(kinds.ecsTasks, isUp);
  if (task) await user.remove(kinds.ecsTasks, task);
}

/** As DeleteService with `force`. */
async function deleteService(user: User): Promise<void> {
  await set(user, await anyService(user), { desiredStatus: 'INACTIVE' });
}

/** As kubectl. Whoever orphans its tasks has them to himself. */
async function removeService(user: User): Promise<void> {
  const service = await user.any<Service>(kinds.ecsServices);
  if (!service) return;
  const { namespace, name = '', uid } = service.metadata;
  await user.client.delete(kinds.ecsServices, { namespace, name }, { signal: user.signal, uid });
}

/**
 * What cannot go on, or would go on for ever: definitions that do not work and are given up by no breaker, and percents that leave no room. Such
 * services get ones that do.
 */
export async function mendServices(client: Client, signal: AbortSignal): Promise<void> {
  const definitions = (await client.list(kinds.ecsTaskDefinitions, { signal })).items;
  const references = definitions
    .filter(({ spec }) => spec.containerDefinitions?.[0]?.image?.startsWith('steady/'))
    .map(({ spec }) => `${spec.family}:${spec.revision}`);
  for (const service of (await client.list(kinds.ecsServices, { signal })).items) {
    const { namespace, name = '' } = service.metadata;
    if (service.spec.desiredStatus === 'INACTIVE') continue;
    const spec = mended(service, references);
    await client.patch(kinds.ecsServices, { namespace, name }, { spec }, { signal });
  }
}

function mended({ spec, status }: Service, good: readonly string[]): Partial<ServiceSpec> {
  const { deploymentConfiguration: bounds = {}, desiredCount = 0, schedulingStrategy } = spec;
  const [primary] = status?.deployments ?? [];
  const works =
    primary !== undefined && good.includes(primary.taskDefinition ?? '') && good.includes(spec.taskDefinition);
  const givesUp = bounds.deploymentCircuitBreaker?.enable && primary?.rolloutState !== 'COMPLETED';
  const [taskDefinition] = good;
  if (!works && !givesUp && !taskDefinition) return { desiredStatus: 'INACTIVE' };
  const least = Math.ceil((desiredCount * (bounds.minimumHealthyPercent ?? 100)) / 100);
  const most = Math.floor((desiredCount * (bounds.maximumPercent ?? 200)) / 100);
  const isStuck = schedulingStrategy !== 'DAEMON' && least >= desiredCount && most <= desiredCount;
  return {
    ...(works || givesUp || !taskDefinition ? {} : { taskDefinition }),
    ...(isStuck ? { deploymentConfiguration: { ...bounds, minimumHealthyPercent: 100, maximumPercent: 200 } } : {}),
  };
}
