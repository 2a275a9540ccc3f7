// Views that only browsers render, as OC's packages of their types have it.
(function () {
  'use strict';
  return (view) => (model) => {
    view(model);
    throw new Error('Not implemented');
  };
});
