import { canonicalAmount } from '@slipway/api/defaults/persistent-volume';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricSpec,
} from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import type { FieldError } from '@slipway/api/validation/field-error';
import { validateAutoscalerSpec } from '@slipway/api/validation/horizontal-pod-autoscaler';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

/** What of its requested CPU a pod should use when nobody said anything else. */
const cpuUtilization = 80;

/** Kept as autoscaling/v2; autoscaling/v1 is a view, see autoscaling-v1-view.ts. */
export const horizontalPodAutoscalerStrategy: Strategy<HorizontalPodAutoscaler> = {
  resource: descriptorOf('autoscaling', 'v2', 'horizontalpodautoscalers'),
  defaults(draft) {
    draft.spec ??= {} as HorizontalPodAutoscalerSpec;
    const { spec } = draft;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) {
      const target = { type: 'Utilization', averageUtilization: cpuUtilization };
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    }
    for (const metric of spec.metrics) canonicalTarget(metric);
    if (!spec.behavior) return;
    spec.behavior.scaleUp = { ...scaleUp(), ...given(spec.behavior.scaleUp) };
    spec.behavior.scaleDown = { ...scaleDown(), ...given(spec.behavior.scaleDown) };
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = { desiredReplicas: 0 };
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateAutoscalerSpec(errors, spec, 'spec');
    return errors;
  },
  status: {
    validateUpdate({ status }) {
      const errors: FieldError[] = [];
      validateNonNegative(errors, status?.currentReplicas, 'status.currentReplicas');
      validateNonNegative(errors, status?.desiredReplicas, 'status.desiredReplicas');
      return errors;
    },
  },
};

function canonicalTarget({ object, external, pods, resource, containerResource }: MetricSpec): void {
  for (const source of [object, external, pods, resource, containerResource]) {
    const target = source?.target;
    if (target?.value !== undefined) target.value = canonicalAmount(target.value);
    if (target?.averageValue !== undefined) target.averageValue = canonicalAmount(target.averageValue);
  }
}

/** Fields that are there and undefined would hide the defaults. */
function given(rules: HPAScalingRules | undefined): HPAScalingRules {
  return Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined));
}

function scaleUp(): HPAScalingRules {
  return {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  };
}

function scaleDown(): HPAScalingRules {
  return { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
}
