/**
 * terminal-kit looks for its files at run time (`require('./termconfig/' + name)`), which no
 * bundler can follow. This plugin names them, so that they get into the binary.
 *
 * Every rewrite must find its place: a terminal-kit that reads differently stops the build rather
 * than the dashboard.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BunPlugin } from "bun";

interface Rewrite {
  readonly from: string;
  readonly to: string;
  readonly times: number;
}

/** A function of this name that requires a file of the folder by its name, and throws without it. */
function chooser(name: string, folder: string, files: readonly string[]): string {
  const cases = files.map((file) => `case '${file}': return require('./${folder}/${file}');`);
  return `function ${name}(file) { switch (file) { ${cases.join(" ")} } throw new Error('no ' + file); }\n`;
}

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .sort();
}

function rewrite(source: string, rewrites: readonly Rewrite[]): string {
  let text = source;
  for (const { from, times, to } of rewrites) {
    const parts = text.split(from);
    if (parts.length - 1 !== times) {
      throw new Error(
        `terminal-kit has changed: ${parts.length - 1} times instead of ${times}: ${from}`,
      );
    }
    text = parts.join(to);
  }
  return text;
}

/** terminal-kit's Terminal.js with requires that a bundler can follow; `folder` is where it is. */
export function rewriteTerminal(source: string, folder: string): string {
  const text = rewrite(source, [
    {
      from: "require( './termconfig/' + term.termconfigFile )",
      to: "requireTermconfig( term.termconfigFile )",
      times: 4,
    },
    {
      from: "require( './colorScheme/' + palette + '.json' )",
      to: "requireColorScheme( palette + '.json' )",
      times: 1,
    },
  ]);
  return (
    text +
    chooser("requireTermconfig", "termconfig", filesIn(join(folder, "termconfig"), ".js")) +
    chooser("requireColorScheme", "colorScheme", filesIn(join(folder, "colorScheme"), ".json"))
  );
}

/**
 * The same for its termkit.js. Of what it loads when it is first used, that is what a terminal
 * itself may need; images, documents and the rest stay out of the binary.
 */
export function rewriteTermkit(source: string): string {
  return rewrite(source, [
    {
      from: "require.cache[ path.join( __dirname , 'termkit-no-lazy-require.js' ) ]",
      to: "false",
      times: 1,
    },
    {
      // Under `process.browser` only.
      from: "module.exports = require( './termkit-no-lazy-require.js' ) ;",
      to: "",
      times: 1,
    },
    {
      from: "require( 'lazyness' )( require )",
      to: "require( 'lazyness' )( ( file ) => { throw new Error( file + ' is not in this binary' ) ; } )",
      times: 1,
    },
    {
      from: "lazy.requireProperty( termkit , 'tty' , './tty.js' ) ;",
      to: "lazy.property( termkit , 'tty' , () => require( './tty.js' ) ) ;",
      times: 1,
    },
    {
      from: "Palette: './Palette.js' ,",
      to: "",
      times: 1,
    },
    {
      from: "chroma: 'chroma-js'\n} ) ;",
      to: "} ) ;\nlazy.properties( termkit , { Palette: () => require( './Palette.js' ) , chroma: () => require( 'chroma-js' ) } ) ;",
      times: 1,
    },
  ]);
}

export const terminalKitPlugin: BunPlugin = {
  name: "terminal-kit",
  setup(build) {
    build.onLoad({ filter: /terminal-kit[\\/]lib[\\/](Terminal|termkit)\.js$/ }, async (file) => {
      const source = await Bun.file(file.path).text();
      const contents = file.path.endsWith("Terminal.js")
        ? rewriteTerminal(source, dirname(file.path))
        : rewriteTermkit(source);
      return { contents, loader: "js" };
    });
  },
};
