/** The English texts of saved views. */

/** English texts. */
export const ENGLISH_VIEWS = {
  views: {
    title: "Saved views",
    open: "Save this filter as a view",
    name: "Name of the view",
    save: "Save",
    where: "Views are kept in this browser only.",
    remove: "Remove the view",
  },
} as const;
