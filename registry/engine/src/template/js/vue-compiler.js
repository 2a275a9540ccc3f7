// Stands for Vue's compiler of templates: compiled views bring none that is left to compile.
exports.compile = () => {
  throw new Error('a template that is compiled at run time cannot be rendered here');
};
