import { defaultPodSpecOfPod } from '@slipway/api/defaults/pod-spec';
import { podQosClass } from '@slipway/api/defaults/pod-qos';
import { dnsLabelProblems } from '@slipway/api/names';
import type { Pod, PodSpec } from '@slipway/api/types';
import { validateContainerTerms } from '@slipway/api/validation/container-terms';
import { type FieldError, forbidden, invalid } from '@slipway/api/validation/field-error';
import { resizedSpec, validateEphemeralUpdate, validateResize } from '@slipway/api/validation/pod-parts';
import { validatePodSpec } from '@slipway/api/validation/pod-spec';
import {
  validatePodAnnotationUpdate,
  validatePodStatusUpdate,
  validatePodUpdate,
} from '@slipway/api/validation/pod-update';
import { podSpecWarnings } from '@slipway/api/validation/pod-warnings';
import { formatTime } from '@slipway/kit/clock';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

export const podStrategy: Strategy<Pod> = {
  resource: descriptorOf('', 'v1', 'pods'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.spec ??= {} as PodSpec;
    defaultPodSpecOfPod(draft.spec);
  },
  prepareCreate(draft, { nowMs }) {
    startGeneration(draft);
    draft.status = { phase: 'Pending', qosClass: podQosClass(draft.spec) };
    if (!draft.spec.schedulingGates?.length) return;
    draft.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastTransitionTime: formatTime(nowMs),
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  },
  validateCreate(draft) {
    return draft.spec.ephemeralContainers?.length
      ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : [];
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    validateAnnotations(errors, draft);
    validateContainerTerms(errors, draft.metadata.annotations, draft.spec, 'metadata.annotations');
    validatePodSpec(errors, draft.spec, 'spec', { isPod: true, podName: draft.metadata.name });
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    validatePodUpdate(errors, draft, old);
    return errors;
  },
  warnings: (draft, old) => (old ? [] : [...nameWarnings(draft), ...podSpecWarnings(draft.spec, 'spec')]),
  status: {
    writesAnnotations: true,
    validateUpdate(draft, old) {
      const errors: FieldError[] = [];
      validatePodAnnotationUpdate(errors, draft, old);
      validatePodStatusUpdate(errors, draft, old);
      return errors;
    },
  },
  ephemeralcontainers: {
    prepareUpdate(draft, old) {
      const { ephemeralContainers } = draft.spec;
      draft.spec = { ...old.spec };
      if (ephemeralContainers?.length) draft.spec.ephemeralContainers = ephemeralContainers;
      else delete draft.spec.ephemeralContainers;
      countGeneration(draft, old, draft.spec, old.spec);
    },
    validateUpdate(draft, old) {
      const errors: FieldError[] = [];
      validateEphemeralUpdate(errors, draft, old);
      return errors;
    },
  },
  resize: {
    prepareUpdate(draft, old) {
      draft.spec = resizedSpec(draft.spec, old.spec);
      countGeneration(draft, old, draft.spec, old.spec);
    },
    validateUpdate(draft, old) {
      const errors: FieldError[] = [];
      validateResize(errors, draft, old);
      return errors;
    },
  },
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  gracePeriodSeconds({ spec, status }, asked) {
    const isFinished = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    if (!spec.nodeName || isFinished) return 0;
    const period = asked ?? spec.terminationGracePeriodSeconds ?? 0;
    return period < 0 ? 1 : period;
  },
};

function nameWarnings({ metadata }: Pod): string[] {
  const problems = dnsLabelProblems(metadata.name ?? '');
  if (problems.length === 0) return [];
  const detail = "this is used in the Pod's hostname, which can result in surprising behavior";
  return [`metadata.name: ${detail}; a DNS label is recommended: [${problems.join(' ')}]`];
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const integer = /^(0|[+-]?[1-9]\d{0,9})$/;

function validateAnnotations(errors: FieldError[], { metadata, spec }: Pod): void {
  const { annotations } = metadata;
  if (!annotations) return;
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && !spec.nodeName) {
    const detail = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalid(`metadata.annotations[${mirrorAnnotation}]`, mirror, detail));
  }
  const cost = annotations[deletionCostAnnotation];
  if (cost !== undefined && !(integer.test(cost) && Math.abs(Number(cost)) < 2 ** 31)) {
    errors.push(invalid(`metadata.annotations[${deletionCostAnnotation}]`, cost, 'must be a 32bit integer'));
  }
}
