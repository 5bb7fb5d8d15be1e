/** Gives every pod the number that its priority class stands for, and keeps the classes to one that is everybody's. */
import type { KubeObject, Pod, PriorityClass } from '@slipway/api/types';
import { forbidden } from '../../registry/status-errors.ts';
import { Derived } from '../derived.ts';
import type { AdmissionPlugin, AdmissionWrite } from '../plugin.ts';

const classes = { group: 'scheduling.k8s.io', resource: 'priorityclasses' };

interface PriorityClasses {
  readonly byName: ReadonlyMap<string, PriorityClass>;
  readonly globalDefault: PriorityClass | undefined;
}

const priorityClasses = new Derived<PriorityClasses>(classes, (objects) => {
  const byName = new Map(Array.from(objects, (object) => [object.metadata.name ?? '', object as PriorityClass]));
  const defaults = [...byName.values()].filter(({ globalDefault }) => globalDefault);
  // Two can come from two servers at once: the lower one is the safer.
  const globalDefault = defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  return { byName, globalDefault };
});

export const priority: AdmissionPlugin = {
  name: 'Priority',
  on: [
    { operations: ['CREATE', 'UPDATE'], group: '', resources: ['pods'] },
    { operations: ['CREATE', 'UPDATE'], group: classes.group, resources: [classes.resource] },
  ],

  mutate({ draft, old, request, signal }, deps) {
    if (request.api.resource !== 'pods' || !draft) return;
    const pod = draft as Pod;
    if (request.operation === 'UPDATE') return keepPriority(pod, old as Pod | undefined);
    const { byName, globalDefault } = priorityClasses.of(deps.objects);
    const name = pod.spec.priorityClassName;
    if (!name) return resolve(pod, globalDefault);
    const found = byName.get(name);
    if (found) return resolve(pod, found);
    return deps.readNewest(classes.resource, classes.group, undefined, name, signal).then((newest) => {
      if (!newest) throw refuse(pod, `no PriorityClass with name ${name} was found`);
      resolve(pod, newest as PriorityClass);
    });
  },

  validate(write, { objects }) {
    if (write.request.api.resource === classes.resource) checkOneDefault(write, priorityClasses.of(objects));
  },
};

/** What admission set at the creation is not the client's to send again. */
function keepPriority(pod: Pod, old: Pod | undefined): void {
  if (old?.spec.priority !== undefined) pod.spec.priority ??= old.spec.priority;
  if (old?.spec.preemptionPolicy !== undefined) pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy;
}

function resolve(pod: Pod, found: PriorityClass | undefined): void {
  const { spec } = pod;
  if (found && !spec.priorityClassName) spec.priorityClassName = found.metadata.name as string;
  const value = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  const computed = 'must not be provided in pod spec; priority admission controller computed';
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refuse(
      pod,
      `the integer value of priority (${spec.priority}) ${computed} ${value} from the given PriorityClass name`,
    );
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refuse(
      pod,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) ${computed} ${policy} from the given PriorityClass name`,
    );
  }
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

function checkOneDefault({ draft, request }: AdmissionWrite, { globalDefault }: PriorityClasses): void {
  const wanted = draft as PriorityClass | undefined;
  if (!wanted?.globalDefault || !globalDefault) return;
  const present = globalDefault.metadata.name;
  if (request.operation === 'UPDATE' && present === wanted.metadata.name) return;
  throw forbidden(
    classes,
    wanted.metadata.name ?? '',
    `PriorityClass ${present} is already marked as default. Only one default can exist`,
  );
}

function refuse({ metadata }: KubeObject, reason: string) {
  return forbidden({ group: '', resource: 'pods' }, metadata.name ?? '', reason);
}
