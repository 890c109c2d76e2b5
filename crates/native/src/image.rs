//! What generated code reads and calls into by address: state objects, tables and constant plans
//! of each node, at places that never change.

use crate::error::NativeError;
use crate::runtime::each::Cursor;
use crate::runtime::method::CallPlan;
use crate::runtime::packet::{InsertPlan, RemovePlan};
use std::cell::UnsafeCell;
use trama_base::Rng;
use trama_lang::ir::{Extract, LogSite, Node, Table};
use trama_state::{Shape, mem};

/// The memory of one node.
pub(crate) struct NodeImage {
    index: u32,
    states: Vec<Box<UnsafeCell<mem::Object>>>,
    /// By table, then by column.
    tables: Vec<Vec<Box<[u8]>>>,
    log_sites: Box<[LogSite]>,
    inserts: Plans<InsertPlan>,
    removes: Plans<RemovePlan>,
    calls: Plans<CallPlan>,
    extracts: Plans<Extract>,
    cursors: Plans<UnsafeCell<Cursor>>,
}

/// Constants that code names by address, kept as long as the code.
#[derive(Default)]
pub(crate) struct Plans<T>(std::cell::RefCell<Vec<Box<T>>>);

impl<T> Plans<T> {
    /// Keeps a plan; the address stays good as long as `self`.
    pub(crate) fn keep(&self, plan: T) -> *const T {
        let plan = Box::new(plan);
        let address = &raw const *plan;
        self.0.borrow_mut().push(plan);
        address
    }
}

impl NodeImage {
    /// Makes a node's state objects, with seeds from `rng`, and its tables.
    pub(crate) fn new(index: u32, node: &Node, rng: &mut Rng) -> Result<Self, NativeError> {
        let states = node
            .states
            .iter()
            .map(|spec| match mem::Object::new(spec, rng.next_u64()) {
                Ok(object) => Ok(Box::new(UnsafeCell::new(object))),
                Err(error) => Err(NativeError::State {
                    node: node.name.clone(),
                    name: spec.name.clone(),
                    error,
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            index,
            states,
            tables: node.tables.iter().map(pack_columns).collect(),
            log_sites: node.log_sites.clone().into(),
            inserts: Plans(Default::default()),
            removes: Plans(Default::default()),
            calls: Plans(Default::default()),
            extracts: Plans(Default::default()),
            cursors: Plans(Default::default()),
        })
    }

    /// A state object, for generated code.
    pub(crate) fn state_address(&self, state: usize) -> *mut mem::Object {
        self.states[state].get()
    }

    /// The backend in a state object, for generated code, if it is of the kind that `of` selects.
    pub(crate) fn backend<T>(
        &self,
        state: usize,
        of: fn(&mut mem::Object) -> Option<&mut T>,
    ) -> Option<*mut T> {
        // SAFETY: no handler runs while code is generated, so this is the only reference.
        of(unsafe { &mut *self.states[state].get() }).map(|backend| &raw mut *backend)
    }

    /// What `direct` tells of the backend in a state object, if it is of the kind that `of`
    /// selects.
    pub(crate) fn direct<T, D>(
        &self,
        state: usize,
        of: fn(&mut mem::Object) -> Option<&mut T>,
        direct: fn(&mut T) -> D,
    ) -> Option<D> {
        // SAFETY: no handler runs while code is generated, so this is the only reference.
        of(unsafe { &mut *self.states[state].get() }).map(direct)
    }

    /// Bytes that a state object of a kind with entries has reserved; 0 for others.
    pub(crate) fn reserved_bytes(&self, state: usize) -> u64 {
        // SAFETY: no handler runs while code is generated, so nothing changes the object.
        match unsafe { &*self.states[state].get() } {
            mem::Object::Map(map) => map.reserved_bytes(),
            mem::Object::Array(array) => array.reserved_bytes(),
            mem::Object::Pool(pool) => pool.reserved_bytes(),
            _ => 0,
        }
    }

    /// A state object, between handler runs.
    pub(crate) fn state_mut(&mut self, state: usize) -> &mut mem::Object {
        self.states[state].get_mut()
    }

    /// All state objects, between handler runs.
    pub(crate) fn states_mut(&mut self) -> impl Iterator<Item = &mut mem::Object> {
        self.states.iter_mut().map(|state| state.get_mut())
    }

    /// A column of a table: as many leaves as the table has rows, packed.
    pub(crate) fn column(&self, table: usize, column: usize) -> *const u8 {
        self.tables[table][column].as_ptr()
    }

    /// Index of the node in the program.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// A log site.
    pub(crate) fn log_site(&self, site: usize) -> *const LogSite {
        &raw const self.log_sites[site]
    }

    /// Plans of `Insert` statements.
    pub(crate) fn inserts(&self) -> &Plans<InsertPlan> {
        &self.inserts
    }

    /// Plans of `Remove` statements.
    pub(crate) fn removes(&self) -> &Plans<RemovePlan> {
        &self.removes
    }

    /// Plans of operations that have one form.
    pub(crate) fn calls(&self) -> &Plans<CallPlan> {
        &self.calls
    }

    /// Extractors of `Extract` statements.
    pub(crate) fn extracts(&self) -> &Plans<Extract> {
        &self.extracts
    }

    /// A new place for a loop over a map to keep where it is.
    pub(crate) fn cursor(&self) -> *mut Cursor {
        UnsafeCell::raw_get(self.cursors.keep(UnsafeCell::default()))
    }
}

fn pack_columns(table: &Table) -> Vec<Box<[u8]>> {
    let column = |(index, &width): (usize, &u8)| {
        let shape = Shape(vec![width]);
        let mut bytes = Vec::new();
        for row in &table.rows {
            shape.pack(&row[index..=index], &mut bytes);
        }
        // Generated code reads row 0 before it knows that there is one.
        bytes.resize(bytes.len().max(shape.bytes()), 0);
        bytes.into_boxed_slice()
    };
    table.columns.iter().enumerate().map(column).collect()
}
