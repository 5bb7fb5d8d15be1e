/** In which form a client wants its answer: the `Accept` header. */
import { StatusError } from '@slipway/api/status-error';
import { acceptedMediaTypes } from './read-body.ts';

export interface AnswerForm {
  readonly syntax: 'json' | 'yaml';
  /** Another shape of the same objects. */
  readonly as: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  /** The version of meta.k8s.io of that shape. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

export const plainJson: AnswerForm = { syntax: 'json', as: undefined, metaVersion: 'v1' };
const shapes = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'] as const;

/** Clients send a handful of different headers, over and over. */
const known = new Map<string, AnswerForm | undefined>();
const knownMax = 500;

/** Throws StatusError NotAcceptable. */
export function negotiate(accept: string | undefined): AnswerForm {
  if (accept === undefined || accept === 'application/json' || accept === '*/*') return plainJson;
  let form = known.get(accept);
  if (form === undefined && !known.has(accept)) {
    form = bestForm(accept);
    if (known.size < knownMax) known.set(accept, form);
  }
  if (form) return form;
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${acceptedMediaTypes}`);
}

function bestForm(accept: string): AnswerForm | undefined {
  let best: { form: AnswerForm; quality: number } | undefined;
  for (const clause of accept.split(',')) {
    const { form, quality } = formOf(clause);
    if (form && quality > (best?.quality ?? 0)) best = { form, quality };
  }
  return best?.form;
}

function formOf(clause: string): { form: AnswerForm | undefined; quality: number } {
  const [mediaType = '', ...rest] = clause.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((half) => half.trim()) as [string, string]));
  const quality = parameters.has('q') ? Number(parameters.get('q')) : 1;
  const syntax = syntaxOf(mediaType.toLowerCase());
  if (!syntax) return { form: undefined, quality };
  const wanted = parameters.get('as');
  if (wanted === undefined) return { form: { ...plainJson, syntax }, quality };
  const as = shapes.find((shape) => shape === wanted);
  const isMeta = (parameters.get('g') ?? 'meta.k8s.io') === 'meta.k8s.io';
  const metaVersion = (['v1', 'v1beta1'] as const).find((version) => version === parameters.get('v'));
  return { form: as && isMeta && metaVersion ? { syntax, as, metaVersion } : undefined, quality };
}

function syntaxOf(mediaType: string): 'json' | 'yaml' | undefined {
  if (mediaType === 'application/json' || mediaType === '*/*' || mediaType === 'application/*') return 'json';
  return mediaType === 'application/yaml' ? 'yaml' : undefined;
}
