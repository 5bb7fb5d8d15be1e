/** In which form a client wants its answer: the `Accept` header. */
import { StatusError } from '@slipway/api/status-error';

export interface AnswerForm {
  readonly syntax: 'json' | 'yaml' | 'protobuf';
  /** Another shape of the same objects. */
  readonly as: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  /** The version of meta.k8s.io of that shape. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

/** What can be answered at all. */
export interface Offer {
  /** Custom resources have no protobuf form; their PartialObjectMetadata has. */
  readonly hasProtobuf: boolean;
  /** Events come one by one, which YAML cannot. */
  readonly isWatch: boolean;
}

export const plainJson: AnswerForm = { syntax: 'json', as: undefined, metaVersion: 'v1' };
const shapes = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'] as const;

/** Clients send a handful of different headers, over and over. */
const known = new Map<string, readonly AnswerForm[]>();
const knownMax = 500;

/** Throws StatusError NotAcceptable. */
export function negotiate(accept: string | undefined, offered: () => Offer): AnswerForm {
  if (accept === undefined || accept === '' || accept === 'application/json' || accept === '*/*') return plainJson;
  const offer = offered();
  const form = acceptedForms(accept).find((wanted) => isOffered(wanted, offer));
  // As upstream: YAML that was preferred does not fall back to what can be watched.
  if (form && !(offer.isWatch && form.syntax === 'yaml')) return form;
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${offeredTypes(offer)}`);
}

/** For errors: the form that the client prefers, whatever it was that failed. */
export function errorForm(accept: string | undefined): AnswerForm {
  return { ...plainJson, syntax: preferredSyntax(accept) };
}

export function preferredSyntax(accept: string | undefined): AnswerForm['syntax'] {
  const [form = plainJson] = accept === undefined ? [] : acceptedForms(accept);
  return form.syntax;
}

const jsonAndYaml = ['application/json', 'application/yaml'];
const protobufType = 'application/vnd.kubernetes.protobuf';

export function offeredTypes({ hasProtobuf, isWatch }: Offer): string {
  const types = isWatch ? jsonAndYaml.slice(0, 1) : jsonAndYaml;
  return [...types, ...(hasProtobuf ? [protobufType] : [])]
    .map((type) => type + (isWatch ? ';stream=watch' : ''))
    .join(', ');
}

function isOffered({ syntax, as }: AnswerForm, { hasProtobuf }: Offer): boolean {
  // As upstream: there is no Table in protobuf.
  return syntax !== 'protobuf' || (as === undefined ? hasProtobuf : as !== 'Table');
}

function acceptedForms(accept: string): readonly AnswerForm[] {
  const remembered = known.get(accept);
  if (remembered) return remembered;
  const forms = parseAccept(accept);
  if (known.size < knownMax) known.set(accept, forms);
  return forms;
}

/** In order of preference: by weight, then as they stand. */
function parseAccept(accept: string): readonly AnswerForm[] {
  const weighted = accept.split(',').map(formOf);
  weighted.sort((a, b) => b.quality - a.quality);
  return weighted.flatMap(({ form, quality }) => (form && quality > 0 ? form : []));
}

function formOf(clause: string): { form: AnswerForm | undefined; quality: number } {
  const [mediaType = '', ...rest] = clause.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((half) => half.trim()) as [string, string]));
  const quality = qualityOf(parameters.get('q'));
  const syntax = syntaxOf(mediaType.toLowerCase());
  if (!syntax) return { form: undefined, quality };
  const wanted = parameters.get('as');
  if (wanted === undefined) return { form: { ...plainJson, syntax }, quality };
  const as = shapes.find((shape) => shape === wanted);
  const isMeta = (parameters.get('g') ?? 'meta.k8s.io') === 'meta.k8s.io';
  const metaVersion = (['v1', 'v1beta1'] as const).find((version) => version === parameters.get('v'));
  return { form: as && isMeta && metaVersion ? { syntax, as, metaVersion } : undefined, quality };
}

function qualityOf(text: string | undefined): number {
  const quality = Number(text ?? 1);
  return Number.isNaN(quality) ? 1 : quality;
}

function syntaxOf(mediaType: string): AnswerForm['syntax'] | undefined {
  if (mediaType === 'application/json' || mediaType === '*/*' || mediaType === 'application/*') return 'json';
  if (mediaType === protobufType) return 'protobuf';
  return mediaType === 'application/yaml' ? 'yaml' : undefined;
}
