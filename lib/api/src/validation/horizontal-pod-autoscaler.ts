/** Rules of autoscaling/v2. */
import { pathSegmentProblems } from '../names.ts';
import { parseQuantity, tryParseQuantity } from '../quantity.ts';
import type {
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../types.ts';
import { type FieldError, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateKindAndName } from './local-reference.ts';

const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const selectPolicies = ['Disabled', 'Max', 'Min'];
const policyTypes = ['Percent', 'Pods'];
const windowSecondsMax = 3600;
const periodSecondsMax = 1800;

export function validateAutoscalerSpec(errors: FieldError[], spec: HorizontalPodAutoscalerSpec, path: string): void {
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec;
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(invalid(`${path}.minReplicas`, minReplicas, 'must be greater than or equal to 1'));
  }
  if (maxReplicas < 1) errors.push(invalid(`${path}.maxReplicas`, maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid(`${path}.maxReplicas`, maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  validateKindAndName(errors, scaleTargetRef ?? {}, `${path}.scaleTargetRef`);
  metrics.forEach((metric, i) => {
    validateMetric(errors, metric, `${path}.metrics[${i}]`);
  });
  if (behavior?.scaleUp) validateScalingRules(errors, behavior.scaleUp, `${path}.behavior.scaleUp`);
  if (behavior?.scaleDown) validateScalingRules(errors, behavior.scaleDown, `${path}.behavior.scaleDown`);
}

/** The field of a metric's source, by its type. */
const sourceFields = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const;

function validateMetric(errors: FieldError[], metric: MetricSpec, path: string): void {
  const { type = '' } = metric;
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (!metricTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, metricTypes));
  const present = Object.values(sourceFields).filter((field) => metric[field] !== undefined);
  const [first] = present;
  if (first !== undefined) validateSource(errors, metric, first, `${path}.${first}`);
  const expected = metricTypes.includes(type) ? sourceFields[type as keyof typeof sourceFields] : undefined;
  if (expected !== undefined && metric[expected] === undefined) {
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  if (present.length === 1) return;
  for (const field of present) {
    if (field === expected) continue;
    errors.push(forbidden(`${path}.${field}`, 'must populate the given metric source only'));
  }
}

type SourceField = (typeof sourceFields)[keyof typeof sourceFields];

function validateSource(errors: FieldError[], metric: MetricSpec, field: SourceField, path: string): void {
  const { object, external, pods, resource, containerResource } = metric;
  const target = `${path}.target`;
  if (field === 'object' && object) {
    validateKindAndName(errors, object.describedObject ?? {}, `${path}.describedObject`);
    validateIdentifier(errors, object.metric, `${path}.metric`);
    validateTarget(errors, object.target, target);
    const { value, averageValue } = object.target ?? {};
    if (value === undefined && averageValue === undefined) {
      errors.push(required(`${target}.averageValue`, 'must set either a target value or averageValue'));
    }
  } else if (field === 'external' && external) {
    validateIdentifier(errors, external.metric, `${path}.metric`);
    validateTarget(errors, external.target, target);
    const { value, averageValue } = external.target ?? {};
    if (value === undefined && averageValue === undefined) {
      const detail = 'must set either a target value for metric or a per-pod target';
      errors.push(required(`${target}.averageValue`, detail));
    } else if (value !== undefined && averageValue !== undefined) {
      const detail = 'may not set both a target value for metric and a per-pod target';
      errors.push(forbidden(`${target}.value`, detail));
    }
  } else if (field === 'pods' && pods) {
    validateIdentifier(errors, pods.metric, `${path}.metric`);
    validateTarget(errors, pods.target, target);
    if (!isPositive(pods.target?.averageValue)) {
      errors.push(required(`${target}.averageValue`, 'must specify a positive target averageValue'));
    }
  } else if (field === 'resource' && resource) {
    validateResource(errors, resource, path);
  } else if (containerResource) {
    if (!containerResource.container) errors.push(required(`${path}.container`, 'must specify a container'));
    validateResource(errors, containerResource, path);
  }
}

function validateResource(
  errors: FieldError[],
  source: { readonly name?: string; readonly target?: MetricTarget },
  path: string,
): void {
  if (!source.name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  const at = `${path}.target`;
  validateTarget(errors, source.target, at);
  const { averageUtilization, averageValue } = source.target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${at}.averageUtilization`, detail));
  } else if (averageUtilization !== undefined && averageValue !== undefined) {
    errors.push(forbidden(`${at}.averageValue`, 'may not set both a target raw value and a target utilization'));
  }
}

function validateIdentifier(errors: FieldError[], metric: MetricIdentifier | undefined, path: string): void {
  const name = metric?.name ?? '';
  if (name === '') errors.push(required(`${path}.name`, 'must specify a metric name'));
  else pushInvalid(errors, `${path}.name`, name, pathSegmentProblems(name, false));
}

function validateTarget(errors: FieldError[], target: MetricTarget | undefined, path: string): void {
  const { type = '', value, averageValue, averageUtilization } = target ?? {};
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue') {
    errors.push(invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  if (value !== undefined && !isPositive(value)) errors.push(invalid(`${path}.value`, value, 'must be positive'));
  if (averageValue !== undefined && !isPositive(averageValue)) {
    errors.push(invalid(`${path}.averageValue`, averageValue, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
}

function isPositive(amount: string | undefined): boolean {
  return amount !== undefined && (tryParseQuantity(amount)?.nanos ?? 0n) > 0n;
}

function validateScalingRules(errors: FieldError[], rules: HPAScalingRules, path: string): void {
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [], tolerance } = rules;
  const windowAt = `${path}.stabilizationWindowSeconds`;
  if (seconds !== undefined && seconds < 0) {
    errors.push(invalid(windowAt, seconds, 'must be greater than or equal to zero'));
  }
  if (seconds !== undefined && seconds > windowSecondsMax) {
    errors.push(invalid(windowAt, seconds, `must be less than or equal to ${windowSecondsMax}`));
  }
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy)) {
    errors.push(notSupported(`${path}.selectPolicy`, selectPolicy, selectPolicies));
  }
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  policies.forEach(({ type = '', value = 0, periodSeconds = 0 }, i) => {
    const at = `${path}.policies[${i}]`;
    if (!policyTypes.includes(type)) errors.push(notSupported(`${at}.type`, type, policyTypes));
    if (value <= 0) errors.push(invalid(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > periodSecondsMax) {
      const detail = `must be less than or equal to ${periodSecondsMax}`;
      errors.push(invalid(`${at}.periodSeconds`, periodSeconds, detail));
    }
  });
  if (tolerance !== undefined && parseQuantity(tolerance).nanos < 0n) {
    errors.push(invalid(`${path}.tolerance`, tolerance, 'must be greater than or equal to zero'));
  }
}
