/**
 * autoscaling/v2 → autoscaling/v1. The old version knows one metric, the CPU; what it has no field for travels in annotations, as
 * upstream's conversion does it: the other metrics, what was measured, the conditions and the behaviour.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  KubeObject,
  MetricSpec,
  MetricStatus,
  ObjectMeta,
} from '@slipway/api/types';
import type { ObjectView } from './object-view.ts';

const prefix = 'autoscaling.alpha.kubernetes.io/';
const metricsAnnotation = `${prefix}metrics`;
const measuredAnnotation = `${prefix}current-metrics`;
const conditionsAnnotation = `${prefix}conditions`;
const behaviorAnnotation = `${prefix}behavior`;
const annotationNames = [metricsAnnotation, measuredAnnotation, conditionsAnnotation, behaviorAnnotation];

export const autoscalingV1View: ObjectView = {
  toServed: (stored) => servedFrom(stored as HorizontalPodAutoscaler),
  toStored: (served) => storedFrom(served as AutoscalingV1HorizontalPodAutoscaler),
};

function servedFrom({ metadata, spec, status, ...rest }: HorizontalPodAutoscaler): KubeObject {
  const { metrics = [], behavior, ...shared } = spec ?? {};
  const cpu = metrics.find(isCpuUtilization);
  const others = metrics.filter((metric) => metric !== cpu);
  const { currentMetrics, conditions, ...sharedStatus } = status ?? {};
  const measured = (currentMetrics ?? []).find(isMeasuredCpu);
  const othersMeasured = (currentMetrics ?? []).filter((metric) => metric !== measured);
  const target = cpu?.resource?.target.averageUtilization;
  const utilization = measured?.resource?.current.averageUtilization;
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, [
      [metricsAnnotation, others],
      [measuredAnnotation, othersMeasured],
      [conditionsAnnotation, conditions ?? []],
      [behaviorAnnotation, behavior],
    ]),
    spec: { ...shared, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    ...(status === undefined
      ? {}
      : {
          status: {
            currentReplicas: 0,
            ...sharedStatus,
            ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }),
          },
        }),
  } as KubeObject;
}

function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined;
}

function isMeasuredCpu({ type, resource }: MetricStatus): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.current?.averageUtilization !== undefined;
}

function withAnnotations(metadata: ObjectMeta, values: readonly (readonly [string, unknown])[]): ObjectMeta {
  const added = values.filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0));
  if (added.length === 0) return metadata;
  const texts = added.map(([name, value]) => [name, JSON.stringify(asV1(value as JsonValue))] as const);
  return { ...metadata, annotations: { ...metadata.annotations, ...Object.fromEntries(texts) } };
}

function storedFrom({ metadata, spec, status, ...rest }: AutoscalingV1HorizontalPodAutoscaler): KubeObject {
  const { targetCPUUtilizationPercentage: target, ...shared } = spec ?? {};
  const { currentCPUUtilizationPercentage: utilization, ...sharedStatus } = status ?? {};
  const annotations = { ...metadata.annotations };
  const metrics = parsedList(annotations[metricsAnnotation]) as MetricSpec[] | undefined;
  const currentMetrics = parsedList(annotations[measuredAnnotation]) as MetricStatus[] | undefined;
  const conditions = parsedList(annotations[conditionsAnnotation]) as HorizontalPodAutoscalerStatus['conditions'];
  const behavior = parsed(annotations[behaviorAnnotation]);
  for (const name of annotationNames) delete annotations[name];
  const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } };
  const allMetrics = [...(target === undefined ? [] : [{ type: 'Resource', resource: cpu }]), ...(metrics ?? [])];
  const measured = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: utilization } } };
  const allMeasured = [...(utilization === undefined ? [] : [measured]), ...(currentMetrics ?? [])];
  const { annotations: _, ...otherMetadata } = metadata;
  return {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: Object.keys(annotations).length === 0 ? otherMetadata : { ...metadata, annotations },
    spec: {
      ...shared,
      ...(allMetrics.length === 0 ? {} : { metrics: allMetrics }),
      ...(isJsonObject(behavior) ? { behavior } : {}),
    },
    ...(status === undefined
      ? {}
      : {
          status: {
            ...sharedStatus,
            ...(allMeasured.length === 0 ? {} : { currentMetrics: allMeasured }),
            ...(conditions === undefined ? {} : { conditions }),
          },
        }),
  } as KubeObject;
}

/** Annotations are anybody's text: what is no JSON is as if it were not there. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return asV2(JSON.parse(text) as JsonValue);
  } catch {
    return undefined;
  }
}

function parsedList(text: string | undefined): unknown[] | undefined {
  const list = parsed(text);
  return Array.isArray(list) && list.every(isJsonObject) ? list : undefined;
}

/**
 * Inside the annotations a metric has the form that it had in the first versions: `targetAverageUtilization` beside the name instead of a
 * `target` with a type.
 */
function asV1(value: JsonValue): JsonValue {
  if (!Array.isArray(value)) return value;
  return value.map((item) => (isJsonObject(item) ? eachSource(item, flattened) : item));
}

function asV2(value: JsonValue): JsonValue {
  if (!Array.isArray(value)) return value;
  return value.map((item) => (isJsonObject(item) ? eachSource(item, nested) : item));
}

const sourceFields = ['object', 'external', 'pods', 'resource', 'containerResource'];

function eachSource(metric: JsonObject, change: (source: JsonObject, field: string) => JsonObject): JsonObject {
  const changed: JsonObject = { ...metric };
  for (const field of sourceFields) {
    const source = changed[field];
    if (isJsonObject(source)) changed[field] = change(source, field);
  }
  return changed;
}

/** What the flat form calls the parts of `target` and `current`. */
const flatNames: Readonly<Record<string, readonly [value: string, averageValue: string, averageUtilization: string]>> =
  {
    target: ['targetValue', 'targetAverageValue', 'targetAverageUtilization'],
    current: ['currentValue', 'currentAverageValue', 'currentAverageUtilization'],
  };
const parts = ['value', 'averageValue', 'averageUtilization'] as const;

function flattened(source: JsonObject, field: string): JsonObject {
  const { target, current, metric, describedObject, ...flat } = source as Record<string, JsonValue>;
  for (const [group, nestedParts] of [
    ['target', target],
    ['current', current],
  ] as const) {
    if (!isJsonObject(nestedParts)) continue;
    parts.forEach((part, i) => {
      const value = nestedParts[part];
      const name = flatName(field, group, i);
      if (value !== undefined && name !== undefined) flat[name] = value;
    });
  }
  if (isJsonObject(metric)) {
    if (metric.name !== undefined) flat.metricName = metric.name;
    if (metric.selector !== undefined) flat[field === 'external' ? 'metricSelector' : 'selector'] = metric.selector;
  }
  if (describedObject !== undefined) flat.target = describedObject;
  return flat;
}

function nested(source: JsonObject, field: string): JsonObject {
  const { metricName, metricSelector, selector, target: described, ...rest } = source as Record<string, JsonValue>;
  const made: Record<string, JsonValue> = { ...rest };
  for (const group of ['target', 'current'] as const) {
    const values: Record<string, JsonValue> = {};
    parts.forEach((part, i) => {
      const name = flatName(field, group, i);
      const value = name === undefined ? undefined : made[name];
      if (name === undefined || value === undefined) return;
      values[part] = value;
      delete made[name];
    });
    if (Object.keys(values).length === 0) continue;
    if (group === 'target') values.type = targetType(values);
    made[group] = values;
  }
  if (metricName !== undefined) {
    const labels = metricSelector ?? selector;
    made.metric = { name: metricName, ...(labels === undefined ? {} : { selector: labels }) };
  }
  if (described !== undefined && field === 'object') made.describedObject = described;
  return made;
}

/** Objects call their average by its bare name. */
function flatName(field: string, group: 'target' | 'current', part: number): string | undefined {
  if (field === 'object' && part === 1) return 'averageValue';
  return flatNames[group]?.[part];
}

function targetType(values: Readonly<Record<string, JsonValue>>): string {
  if (values.averageUtilization !== undefined) return 'Utilization';
  return values.value !== undefined ? 'Value' : 'AverageValue';
}
