/** Actions of a template as a tree. The part of Go's text/template that the charts use; all else is refused. */
import { TemplateError } from './template-error.ts';
import { type Place, type Segment, segmentsOf, type Word } from './tokens.ts';

export type Operand =
  | { readonly type: 'literal'; readonly value: string | bigint | boolean }
  | { readonly type: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly type: 'dot'; readonly path: readonly string[] }
  | { readonly type: 'function'; readonly name: string }
  | { readonly type: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** Commands, each of which gets what the one before it answered as its last argument. */
export interface Pipeline {
  readonly commands: readonly (readonly Operand[])[];
  readonly place: Place;
}

export type TemplateNode =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'output'; readonly pipeline: Pipeline }
  | { readonly type: 'assign'; readonly name: string; readonly declares: boolean; readonly pipeline: Pipeline }
  | { readonly type: 'if' | 'with'; readonly pipeline: Pipeline; readonly body: Body; readonly otherwise: Body }
  | {
      readonly type: 'range';
      readonly key?: string;
      readonly value?: string;
      readonly pipeline: Pipeline;
      readonly body: Body;
      readonly otherwise: Body;
    };

export type Body = readonly TemplateNode[];

export interface ParsedTemplate {
  readonly body: Body;
  /** Of `define`. */
  readonly defined: ReadonlyMap<string, Body>;
}

/** Throws `TemplateError`. */
export function parseTemplate(source: string, file: string): ParsedTemplate {
  const parser = new Parser(segmentsOf(source, file), file);
  const body = parser.body([]);
  return { body: body.nodes, defined: parser.defined };
}

/** What ended a body: nothing at the end of the file, else the action. */
interface ReadBody {
  readonly nodes: Body;
  readonly end: { readonly keyword: string; readonly words: readonly Word[]; readonly place: Place } | undefined;
}

class Parser {
  readonly defined = new Map<string, Body>();
  readonly #segments: readonly Segment[];
  readonly #file: string;
  #at = 0;

  constructor(segments: readonly Segment[], file: string) {
    this.#segments = segments;
    this.#file = file;
  }

  /** Until an action with one of the keywords, or the end of the file when there is none. */
  body(ends: readonly string[]): ReadBody {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const segment = this.#segments[this.#at++];
      if (!segment) {
        if (ends.length > 0) throw new TemplateError(`${this.#file}: there is no end for an if, with, range or define`);
        return { nodes, end: undefined };
      }
      if (segment.type === 'text') {
        nodes.push(segment);
        continue;
      }
      const { words, place } = segment;
      const [first] = words;
      const keyword = first?.type === 'name' ? first.value : '';
      if (['end', 'else'].includes(keyword)) {
        if (!ends.includes(keyword)) throw problem(place, `${keyword} belongs to nothing`);
        return { nodes, end: { keyword, words: words.slice(1), place } };
      }
      nodes.push(...this.#action(keyword, words, place));
    }
  }

  #action(keyword: string, words: readonly Word[], place: Place): readonly TemplateNode[] {
    const rest = words.slice(1);
    switch (keyword) {
      case 'if':
      case 'with':
        return [this.#choice(keyword, rest, place)];
      case 'range':
        return [this.#range(rest, place)];
      case 'define': {
        const [name] = rest;
        if (name?.type !== 'string' || rest.length !== 1) throw problem(place, 'define needs a name');
        if (this.defined.has(name.value)) throw problem(place, `${name.value} is defined twice`);
        this.defined.set(name.value, this.body(['end']).nodes);
        return [];
      }
      case 'template':
      case 'block':
      case 'break':
      case 'continue':
        throw problem(place, `${keyword} is not supported; use include`);
      default:
        return [assignment(words, place) ?? { type: 'output', pipeline: pipelineOf(words, place) }];
    }
  }

  #choice(type: 'if' | 'with', words: readonly Word[], place: Place): TemplateNode {
    const pipeline = pipelineOf(words, place);
    const { nodes: body, end } = this.body(['end', 'else']);
    return { type, pipeline, body, otherwise: this.#otherwise(end, type) };
  }

  #otherwise(end: ReadBody['end'], type: string): Body {
    if (end?.keyword !== 'else') return [];
    const [next] = end.words;
    if (!next) return this.body(['end']).nodes;
    if (type !== 'if' || next.type !== 'name' || next.value !== 'if')
      throw problem(end.place, 'only else if, or else alone');
    return [this.#choice('if', end.words.slice(1), end.place)];
  }

  #range(words: readonly Word[], place: Place): TemplateNode {
    const declares = words.findIndex(({ type }) => type === ':=');
    const names = words.slice(0, Math.max(declares, 0)).filter(({ type }) => type !== ',');
    const variables = names.map((word) => {
      if (word.type !== 'variable' || word.value === '') throw problem(place, 'range declares variables');
      return word.value;
    });
    if (variables.length > 2) throw problem(place, 'range declares one variable or two');
    const pipeline = pipelineOf(words.slice(declares + 1), place);
    const { nodes: body, end } = this.body(['end', 'else']);
    const [key, value] = variables.length === 2 ? variables : [undefined, variables[0]];
    return {
      type: 'range',
      ...(key === undefined ? {} : { key }),
      ...(value === undefined ? {} : { value }),
      pipeline,
      body,
      otherwise: this.#otherwise(end, 'range'),
    };
  }
}

function assignment(words: readonly Word[], place: Place): TemplateNode | undefined {
  const [variable, sign] = words;
  if (variable?.type !== 'variable' || (sign?.type !== ':=' && sign?.type !== '=')) return undefined;
  const pipeline = pipelineOf(words.slice(2), place);
  return { type: 'assign', name: variable.value, declares: sign.type === ':=', pipeline };
}

function pipelineOf(words: readonly Word[], place: Place): Pipeline {
  const reader = { words, at: 0 };
  const pipeline = readPipeline(reader, place);
  if (reader.at < words.length) throw problem(place, `unexpected ${words[reader.at]?.type}`);
  return pipeline;
}

interface WordReader {
  readonly words: readonly Word[];
  at: number;
}

function readPipeline(reader: WordReader, place: Place): Pipeline {
  const commands: Operand[][] = [[]];
  for (let word = reader.words[reader.at]; word && word.type !== ')'; word = reader.words[reader.at]) {
    reader.at++;
    if (word.type === '|') commands.push([]);
    else commands.at(-1)?.push(operandOf(word, reader, place));
  }
  if (commands.some((command) => command.length === 0)) throw problem(place, 'a command is empty');
  return { commands, place };
}

function operandOf(word: Word, reader: WordReader, place: Place): Operand {
  switch (word.type) {
    case 'string':
    case 'int':
      return { type: 'literal', value: word.value };
    case 'name':
      if (word.value === 'true' || word.value === 'false') return { type: 'literal', value: word.value === 'true' };
      return { type: 'function', name: word.value };
    case 'variable':
      return { type: 'variable', name: word.value, path: pathAfter(reader) };
    case 'dot':
      return { type: 'dot', path: [] };
    case 'field':
      return { type: 'dot', path: [word.value, ...pathAfter(reader)] };
    case '(': {
      const pipeline = readPipeline(reader, place);
      if (reader.words[reader.at++]?.type !== ')') throw problem(place, 'a bracket is not closed');
      return { type: 'group', pipeline, path: pathAfter(reader) };
    }
    default:
      throw problem(place, `unexpected ${word.type}`);
  }
}

function pathAfter(reader: WordReader): string[] {
  const path: string[] = [];
  for (let word = reader.words[reader.at]; word?.type === 'field' && word.isJoined; word = reader.words[reader.at]) {
    path.push(word.value);
    reader.at++;
  }
  return path;
}

function problem({ file, line }: Place, text: string): TemplateError {
  return new TemplateError(`${file}:${line}: ${text}`);
}
