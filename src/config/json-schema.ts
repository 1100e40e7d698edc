import { ADDRESS_FORMS } from "../address/address.ts";
import {
  aboutOption,
  flagOf,
  isOfFile,
  OPTION_ROWS,
  type OptionName,
  scopesOf,
} from "../options/option-table.ts";
import type { OptionRow, Scope } from "../options/option-row.ts";
import { UNIT_NAME } from "../options/parse-systemd-unit-options.ts";
import type { ValueSchema } from "../options/value-types.ts";
import { PROGRAM } from "../program/version.ts";

/** The schema of a value, with a description. */
interface Described extends ValueSchema {
  readonly description: string;
}

/** The schema of a configuration file, for editors: JSON Schema, draft 7. */
export function configSchema() {
  const relayOptions = optionsOf("relay");
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: `Configuration of ${PROGRAM}`,
    description: `Relays of one process: ${PROGRAM} --config=FILE runs them, ${PROGRAM} check FILE checks them.`,
    type: "object",
    additionalProperties: false,
    required: ["relay"],
    properties: {
      ...optionsOf("process"),
      defaults: {
        description: "Defaults of all relays. A relay's own options override them.",
        type: "object",
        additionalProperties: false,
        properties: relayOptions,
      },
      relay: {
        description: "The relays, each as [relay.NAME].",
        type: "object",
        minProperties: 1,
        propertyNames: { pattern: UNIT_NAME.source },
        additionalProperties: {
          description: "One relay.",
          type: "object",
          additionalProperties: false,
          required: ["source", "destination"],
          properties: {
            source: {
              description: `Where clients connect: ${ADDRESS_FORMS}.`,
              type: "string",
              minLength: 1,
            },
            destination: {
              description: `Where each connection is carried to: ${ADDRESS_FORMS}.`,
              type: "string",
              minLength: 1,
            },
            ...relayOptions,
          },
        },
      },
    },
  };
}

function optionsOf(scope: Scope): Readonly<Record<string, Described>> {
  return Object.fromEntries(
    OPTION_ROWS.flatMap(([name, row]) =>
      scopesOf(row).includes(scope)
        ? [[flagOf(name), described(row, aboutOption(name, nameInFile, scope))]]
        : [],
    ),
  );
}

/**
 * The name by which a description mentions an option: the option's key in the file. If a
 * configuration file cannot set the option, the name is the flag of the command line.
 */
function nameInFile(name: OptionName): string {
  return isOfFile(name) ? flagOf(name) : `--${flagOf(name)}`;
}

function described(row: OptionRow, about: string): Described {
  if (row.metavar === undefined) return { description: about, type: "boolean" };
  const fallback = row.shownDefault === undefined ? "" : ` Default: ${row.shownDefault}.`;
  return { description: `${about}${fallback}`, ...row.schema };
}
