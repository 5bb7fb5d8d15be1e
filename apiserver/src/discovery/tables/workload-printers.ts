import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  JobCondition,
  MetricSpec,
  MetricStatus,
  PodDisruptionBudget,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  Scale,
  StatefulSet,
} from '@slipway/api/types';
import {
  age,
  containerImages,
  containerNames,
  labelsText,
  nameOf,
  selectorOrNone,
  selectorText,
  since,
} from './cells.ts';
import { humanDuration } from './human-duration.ts';
import { boolean, definePrinter, integer, wide } from './printer.ts';

const wideContainers = [wide('Containers'), wide('Images')];
const wideSelected = [...wideContainers, wide('Selector')];

export const deploymentPrinter = definePrinter<Deployment>(
  ['Name', 'Ready', 'Up-to-date', 'Available', 'Age', ...wideSelected],
  (deployment, nowMs) => {
    const { spec, status } = deployment;
    const { containers } = spec.template.spec ?? {};
    return [
      nameOf(deployment),
      `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      age(deployment, nowMs),
      containerNames(containers),
      containerImages(containers),
      selectorText(spec.selector),
    ];
  },
);

export const replicaSetPrinter = definePrinter<ReplicaSet>(
  ['Name', integer('Desired'), integer('Current'), integer('Ready'), 'Age', ...wideSelected],
  (replicaSet, nowMs) => {
    const { spec, status } = replicaSet;
    const containers = spec.template?.spec?.containers;
    return [
      nameOf(replicaSet),
      spec.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      age(replicaSet, nowMs),
      containerNames(containers),
      containerImages(containers),
      selectorOrNone(spec.selector),
    ];
  },
);

export const replicationControllerPrinter = definePrinter<ReplicationController>(
  ['Name', integer('Desired'), integer('Current'), integer('Ready'), 'Age', ...wideSelected],
  (controller, nowMs) => {
    const { spec, status } = controller;
    const containers = spec.template?.spec?.containers;
    return [
      nameOf(controller),
      spec.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      age(controller, nowMs),
      containerNames(containers),
      containerImages(containers),
      labelsText(spec.selector),
    ];
  },
);

export const statefulSetPrinter = definePrinter<StatefulSet>(
  ['Name', 'Ready', 'Age', ...wideContainers],
  (set, nowMs) => {
    const { containers } = set.spec.template.spec ?? {};
    return [
      nameOf(set),
      `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
      age(set, nowMs),
      containerNames(containers),
      containerImages(containers),
    ];
  },
);

export const daemonSetPrinter = definePrinter<DaemonSet>(
  [
    'Name',
    integer('Desired'),
    integer('Current'),
    integer('Ready'),
    integer('Up-to-date'),
    integer('Available'),
    'Node Selector',
    'Age',
    ...wideSelected,
  ],
  (set, nowMs) => {
    const { spec, status } = set;
    const podSpec = spec.template.spec;
    return [
      nameOf(set),
      status?.desiredNumberScheduled ?? 0,
      status?.currentNumberScheduled ?? 0,
      status?.numberReady ?? 0,
      status?.updatedNumberScheduled ?? 0,
      status?.numberAvailable ?? 0,
      labelsText(podSpec?.nodeSelector),
      age(set, nowMs),
      containerNames(podSpec?.containers),
      containerImages(podSpec?.containers),
      selectorOrNone(spec.selector),
    ];
  },
);

export const jobPrinter = definePrinter<Job>(
  ['Name', 'Status', 'Completions', 'Duration', 'Age', ...wideSelected],
  (job, nowMs) => {
    const { containers } = job.spec.template.spec ?? {};
    return [
      nameOf(job),
      jobStatus(job),
      jobCompletions(job),
      jobDuration(job, nowMs),
      age(job, nowMs),
      containerNames(containers),
      containerImages(containers),
      selectorOrNone(job.spec.selector),
    ];
  },
);

function jobStatus(job: Job): string {
  const holds = (type: string) =>
    job.status?.conditions?.find((condition: JobCondition) => condition.type === type)?.status === 'True';
  if (holds('Complete')) return 'Complete';
  if (holds('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (holds('Suspended')) return 'Suspended';
  return holds('FailureTarget') ? 'FailureTarget' : 'Running';
}

function jobCompletions(job: Job): string {
  const succeeded = job.status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = job.spec;
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration(job: Job, nowMs: number): string {
  const { startTime, completionTime } = job.status ?? {};
  if (startTime === undefined) return '';
  return humanDuration((completionTime === undefined ? nowMs : Date.parse(completionTime)) - Date.parse(startTime));
}

export const cronJobPrinter = definePrinter<CronJob>(
  ['Name', 'Schedule', 'Timezone', boolean('Suspend'), integer('Active'), 'Last Schedule', 'Age', ...wideSelected],
  (cronJob, nowMs) => {
    const { spec, status } = cronJob;
    const template = spec.jobTemplate.spec;
    const containers = template?.template.spec?.containers;
    return [
      nameOf(cronJob),
      spec.schedule,
      spec.timeZone ?? '<none>',
      spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
      status?.active?.length ?? 0,
      status?.lastScheduleTime === undefined ? '<none>' : since(status.lastScheduleTime, nowMs),
      age(cronJob, nowMs),
      containerNames(containers),
      containerImages(containers),
      selectorOrNone(template?.selector),
    ];
  },
);

export const podTemplatePrinter = definePrinter<PodTemplate>(
  ['Name', 'Containers', 'Images', 'Pod Labels'],
  ({ metadata, template }) => [
    metadata.name ?? '',
    containerNames(template?.spec?.containers),
    containerImages(template?.spec?.containers),
    labelsText(template?.metadata?.labels),
  ],
);

export const podDisruptionBudgetPrinter = definePrinter<PodDisruptionBudget>(
  ['Name', 'Min Available', 'Max Unavailable', integer('Allowed Disruptions'), 'Age'],
  (budget, nowMs) => [
    nameOf(budget),
    String(budget.spec.minAvailable ?? 'N/A'),
    String(budget.spec.maxUnavailable ?? 'N/A'),
    budget.status?.disruptionsAllowed ?? 0,
    age(budget, nowMs),
  ],
);

export const controllerRevisionPrinter = definePrinter<ControllerRevision>(
  ['Name', 'Controller', 'Revision', 'Age'],
  (revision, nowMs) => {
    const owner = revision.metadata.ownerReferences?.find(({ controller }) => controller);
    const [group = ''] = owner?.apiVersion.includes('/') ? owner.apiVersion.split('/') : [];
    const kind = group === '' ? owner?.kind : `${owner?.kind}.${group}`;
    const controller = owner ? `${kind?.toLowerCase()}/${owner.name}` : '<none>';
    return [nameOf(revision), controller, revision.revision, age(revision, nowMs)];
  },
);

export const scalePrinter = definePrinter<Scale>(
  ['Name', integer('Desired'), integer('Available'), 'Age'],
  (scale, nowMs) => [nameOf(scale), scale.spec.replicas ?? 0, scale.status?.replicas ?? 0, age(scale, nowMs)],
);

export const horizontalPodAutoscalerPrinter = definePrinter<HorizontalPodAutoscaler>(
  ['Name', 'Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas', 'Age'],
  (autoscaler, nowMs) => {
    const { spec, status } = autoscaler;
    return [
      nameOf(autoscaler),
      `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
      metricsText(spec.metrics ?? [], status?.currentMetrics ?? []),
      spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
      spec.maxReplicas,
      status?.currentReplicas ?? 0,
      age(autoscaler, nowMs),
    ];
  },
);

const metricsShown = 2;

function metricsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const texts = specs.map((spec, index) => metricText(spec, statuses[index]));
  const shown = texts.slice(0, metricsShown).join(', ');
  return texts.length > metricsShown ? `${shown} + ${texts.length - metricsShown} more...` : shown;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueText(spec.external?.target, status?.external?.current);
    case 'Object':
      return valueText(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${spec.pods?.target.averageValue ?? ''}`;
    case 'Resource':
      return `${spec.resource?.name}: ${resourceText(spec.resource?.target, status?.resource?.current)}`;
    case 'ContainerResource':
      return `${spec.containerResource?.name}: ${resourceText(spec.containerResource?.target, status?.containerResource?.current)}`;
    default:
      return '<unknown type>';
  }
}

interface MetricValue {
  readonly averageValue?: string;
  readonly value?: string;
  readonly averageUtilization?: number;
}

function valueText(target: MetricValue | undefined, current: MetricValue | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`;
  return `${current?.value ?? '<unknown>'}/${target?.value ?? ''}`;
}

function resourceText(target: MetricValue | undefined, current: MetricValue | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
  const used = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`;
  return `${used}/${target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`}`;
}
