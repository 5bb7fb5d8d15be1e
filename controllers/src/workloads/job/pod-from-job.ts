import type { Container, Job, Pod, PodSpec } from '@slipway/api/types';
import { podFromTemplate } from '../pod-from-template.ts';
import {
  completionIndexKey,
  failureCountAnnotation,
  failureCountsOf,
  ignoredFailureCountAnnotation,
  trackingFinalizer,
} from './job-pods.ts';
import { isCounted } from './pod-failure-policy.ts';

const indexVariable = 'JOB_COMPLETION_INDEX';
/** The server adds five characters to the prefix of a name, which has 63 at most. */
const prefixLengthMax = 58;

/** One pod of the job's template. An indexed job says of which index, and which failed pod of it comes before. */
export function podFromJob(job: Job, index?: number, failedBefore?: Pod): Pod {
  const pod = podFromTemplate(job, job.spec.template);
  const { labels, annotations, finalizers = [] } = pod.metadata;
  const tracked = finalizers.includes(trackingFinalizer) ? finalizers : [...finalizers, trackingFinalizer];
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers: tracked } };
  const { name = '' } = job.metadata;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      generateName: prefixWithIndex(name, index),
      labels: { ...labels, [completionIndexKey]: String(index) },
      annotations: { ...annotations, ...indexAnnotations(job, index, failedBefore) },
      finalizers: tracked,
    },
    spec: indexedSpec(pod.spec, `${name}-${index}`),
  };
}

function prefixWithIndex(name: string, index: number): string {
  const end = `-${index}-`;
  return name.slice(0, prefixLengthMax - end.length) + end;
}

function indexAnnotations(job: Job, index: number, failedBefore: Pod | undefined): Record<string, string> {
  const own = { [completionIndexKey]: String(index) };
  if (job.spec.backoffLimitPerIndex === undefined) return own;
  if (!failedBefore) return { ...own, [failureCountAnnotation]: '0' };
  const before = failureCountsOf(failedBefore);
  const isOneMore = isCounted(failedBefore, job);
  const ignored = before.ignored + (isOneMore ? 0 : 1);
  return {
    ...own,
    [failureCountAnnotation]: String(before.counted + (isOneMore ? 1 : 0)),
    ...(ignored > 0 ? { [ignoredFailureCountAnnotation]: String(ignored) } : {}),
  };
}

/** The host name lets pods of the job find each other by their index, behind a headless service. */
function indexedSpec(spec: PodSpec, hostname: string): PodSpec {
  const { containers, initContainers } = spec;
  return {
    ...spec,
    hostname,
    containers: containers.map(withIndexVariable),
    ...(initContainers ? { initContainers: initContainers.map(withIndexVariable) } : {}),
  };
}

function withIndexVariable(container: Container): Container {
  const env = container.env ?? [];
  if (env.some(({ name }) => name === indexVariable)) return container;
  const fieldPath = `metadata.labels['${completionIndexKey}']`;
  return { ...container, env: [...env, { name: indexVariable, valueFrom: { fieldRef: { fieldPath } } }] };
}
