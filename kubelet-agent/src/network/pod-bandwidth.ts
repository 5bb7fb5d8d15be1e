import { quantityValue, tryParseQuantity } from '@slipway/api/quantity';

/** Annotations of a pod by which its traffic is limited, in bits per second: `10M`. */
export const ingressBandwidthAnnotation = 'kubernetes.io/ingress-bandwidth';
export const egressBandwidthAnnotation = 'kubernetes.io/egress-bandwidth';

/** The CNI capability `bandwidth`: bits per second and bits. */
export interface BandwidthArgs {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/** Upstream's bounds: 1k to 1P. */
const rateMin = 1_000n;
const rateMax = 1_000_000_000_000_000n;
/** Enough for the large packets that hosts hand to each other in one piece (64 KiB). */
const burstMin = 64 * 1024 * 8;
/** A bucket holds what goes within this time, so that short answers go at once and the rate holds over a second. */
const burstSeconds = 0.05;
/** The kernel counts a bucket's bytes in 32 bits. */
const burstMax = (2 ** 32 - 1) * 8;

/** Undefined when the pod's traffic is not limited. Throws an error that names the annotation. Pure. */
export function podBandwidth(annotations: Readonly<Record<string, string>>): BandwidthArgs | undefined {
  const ingress = rateFrom(annotations, ingressBandwidthAnnotation);
  const egress = rateFrom(annotations, egressBandwidthAnnotation);
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress === undefined ? {} : { ingressRate: ingress, ingressBurst: burstFor(ingress) }),
    ...(egress === undefined ? {} : { egressRate: egress, egressBurst: burstFor(egress) }),
  };
}

function rateFrom(annotations: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = annotations[name];
  if (text === undefined) return undefined;
  const quantity = tryParseQuantity(text);
  if (!quantity) throw new Error(`annotation ${name}: ${JSON.stringify(text)} is no quantity, as in 10M`);
  const rate = quantityValue(quantity);
  if (rate < rateMin) throw new Error(`annotation ${name}: resource is unreasonably small (< 1kbit)`);
  if (rate > rateMax) throw new Error(`annotation ${name}: resource is unreasonably large (> 1Pbit)`);
  return Number(rate);
}

function burstFor(rate: number): number {
  return Math.min(Math.max(burstMin, Math.ceil(rate * burstSeconds)), burstMax);
}
